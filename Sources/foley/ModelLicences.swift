import ArgumentParser
import FoleyKit
import Foundation

extension Models {
  struct Licence: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tell under which terms models may be used.",
      discussion: """
        Without a model: those of all models there are.

        Examples:
          foley models licence
          foley models licence ~/HunyuanVideo-Foley
        """)

    @Argument(help: "A model's name, or its folder.")
    var model: String?

    @Flag(help: "Print a JSON array.")
    var json = false

    func run() throws {
      let folders = try model.map { [try ModelFolder.find($0)] } ?? ModelFolder.all()
      let models = try folders.map { folder in
        Terms(
          model: folder.name, folder: folder.path,
          parts: try ModelFamilies.describe(folder).licences())
      }
      if json {
        Terminal.output(JSON.text(models) + "\n")
      } else {
        Terminal.output(models.map(\.text).joined(separator: "\n"))
        if model == nil {
          Terminal.output(
            "\nThe weights of HunyuanVideo-Foley, which are no part of this program, are under "
              + PublishedLicence.nature + "\n")
        }
      }
    }
  }

  private struct Terms: Encodable {
    var model: String
    var folder: String
    var parts: [ModelLicence]

    var text: String {
      var lines = ["\(model): \(folder)"]
      for part in parts {
        lines.append("  \(part.subject)")
        lines.append("    licence  \(part.licence)")
        if let origin = part.origin { lines.append("    origin   \(origin)") }
        if let file = part.file {
          lines.append("    text     \(file)")
        }
      }
      return lines.joined(separator: "\n") + "\n"
    }
  }
}
