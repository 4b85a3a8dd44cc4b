import ArgumentParser
import Foundation
import Networks

struct RandomFolderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "random-checkpoint",
    abstract: "Makes a folder like a published model's, with random weights.",
    discussion: """
      Names, shapes and formats are those of the published files, so that everything but the quality of the \
      sound can be tried: 7.5 GB for xl, 12 GB for xxl. Towers that are not needed are left out.
      """)

  enum Size: String, CaseIterable, ExpressibleByArgument {
    case xl, xxl

    var transformer: TransformerConfiguration { self == .xl ? .xl : .xxl }
  }

  @Option(help: "Which of the published sizes.")
  var model: Size

  @Option(name: [.short, .long], help: "The folder to make.")
  var output: String

  @Option(help: "Another number gives other weights.")
  var seed: UInt64 = 1

  func run() throws {
    let folder = RandomFolder(
      size: model.rawValue.uppercased(), transformer: model.transformer, seed: seed)
    try folder.write(to: output) { file, bytes in
      print("\(file): \(String(format: "%.2f", Double(bytes) / 1e9)) GB")
    }
  }
}
