import ArgumentParser
import FoleyKit
import Foundation

/// The program. Commands parse and describe; the work is FoleyKit's.
@main
struct Foley: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "foley",
    abstract: "Makes the sound of a silent video, in time with what happens in it.",
    discussion: """
      Examples:
        foley generate clip.mp4
        foley generate clip.mp4 -p "a hammer strikes an anvil" -o clip.wav
        foley generate clip.mp4 --mux clip-with-sound.mp4
        foley batch clips.jsonl --output-dir sounds --jobs 2
        foley probe clip.mp4
      """,
    version: VersionText.text,
    subcommands: [
      Generate.self, Batch.self, PlanFilm.self, JoinFilm.self, RetakeCommand.self, Verify.self,
      Compare.self, Probe.self,
      Models.self, Devices.self, Completions.self, Manual.self, BatchWorker.self,
    ])

  /// Standard output carries results alone, so errors go to standard error, each with the exit code
  /// of its kind.
  static func main() {
    do {
      try Interruption.watch()
      var command = try parseAsRoot(
        ReferenceNames.translated(Array(CommandLine.arguments.dropFirst())))
      try command.run()
    } catch {
      guard let status = ExitStatus(of: error) else { exit(withError: error) }
      Terminal.error("Error: \(error)\n")
      Foundation.exit(status.rawValue)
    }
  }
}
