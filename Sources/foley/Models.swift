import ArgumentParser
import FoleyKit
import Foundation

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at the models there are, check them, make published ones ready.",
    discussion: """
      Examples:
        foley models
        foley models verify mini
        foley models licence ~/HunyuanVideo-Foley
      """,
    subcommands: [List.self, Verify.self, Import.self, Licence.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the models, and check their files against the manifest.",
      discussion: """
        Looks in the folders of FOLEY_MODELS, in Models beside the program, and in the repository.

        Examples:
          foley models list
          foley models list --json
        """)

    @Flag(help: "Print a JSON array.")
    var json = false

    func run() throws {
      let searchPath = ModelFolder.searchPath()
      let models = try ModelFolder.all(in: searchPath).map { folder in
        Model(
          name: folder.name, folder: folder.path,
          family: try ModelFamilies.describe(folder).family, files: try folder.files())
      }
      if json {
        Terminal.output(JSON.text(models) + "\n")
      } else if models.isEmpty {
        Terminal.output("no models in \(searchPath.joined(separator: ", "))\n")
      } else {
        Terminal.output(models.map(\.text).joined(separator: "\n"))
      }
      for model in models {
        if let file = model.files.first(where: { $0.state.isWrong }) {
          throw FoleyError.badModel(
            path: model.folder + "/" + file.name,
            reason: "\(file.state.words); get it again from where the repository came from")
        }
      }
    }
  }

  struct Model: Encodable {
    var name: String
    var folder: String
    var family: String
    var files: [ModelFile]

    var text: String {
      let width = files.map(\.name.count).max() ?? 0
      let total = files.reduce(0) { $0 + $1.bytes }
      return "\(name): family \(family), \(Models.megabytes(total)), \(folder)\n"
        + files.map { file in
          "  " + file.name.padding(toLength: width + 2, withPad: " ", startingAt: 0)
            + Models.megabytes(file.bytes) + "  " + file.state.words + "\n"
        }.joined()
    }
  }

  private static func megabytes(_ bytes: Int) -> String {
    String(format: "%8.3f MB", Double(bytes) / 1e6)
  }
}

extension ModelFile.State {
  fileprivate var isWrong: Bool { self != .verified && self != .unlisted }

  fileprivate var words: String {
    switch self {
    case .verified: "verified"
    case .unlisted: "not in the manifest"
    case .wrongSize: "has another size than the manifest says"
    case .wrongHash: "has another hash than the manifest says"
    case .missing: "is missing"
    }
  }
}
