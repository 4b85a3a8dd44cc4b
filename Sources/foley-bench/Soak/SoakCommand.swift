import ArgumentParser
import CPUBackend
import FoleyKit
import Foundation
import Media

struct SoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Runs long clips one after the other in one process, and judges each.",
    discussion: """
      The folder holds videos and, beside each, NAME.json with its prompt and its true events, as \
      Scripts/clips/long.py makes them. Each is generated as `foley generate` would, then held against its video \
      and against the true events. Ends with 1 where a limit is broken.
      """)

  @Argument(help: "A folder of clips.")
  var folder: String

  @Option(help: "A model's name or folder.")
  var model = "mini"

  @Option(
    help: "Write the table to this file as Markdown, and beside it a picture of the longest clip.")
  var report: String?

  @Option(help: "Threads that compute.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Steps of the sampler; the model's own by default.")
  var steps: Int?

  func run() throws {
    let clips = try SoakClip.all(in: folder)
    guard !clips.isEmpty else { throw ValidationError("\(folder): no clips with descriptions.") }
    let backend = try CPUBackend(threads: threads, level: .preferred())
    let pipeline = Pipeline(
      model: try ModelFamilies.describe(ModelFolder.find(model)),
      ModelResources(backend: backend, threads: threads))
    var results: [SoakResult] = []
    FileHandle.standardOutput.write(Data((SoakResult.head + "\n").utf8))
    for clip in clips {
      let result = try SoakResult(clip, pipeline, steps: steps)
      FileHandle.standardOutput.write(Data((result.row + "\n").utf8))
      results.append(result)
    }
    let verdicts = SoakVerdict.all(of: results)
    for verdict in verdicts { print(verdict.line) }
    if let report { try write(results, verdicts, to: report, backend: backend.name) }
    if verdicts.contains(where: { !$0.holds }) { throw ExitCode(1) }
  }

  private func write(
    _ results: [SoakResult], _ verdicts: [SoakVerdict], to path: String, backend: String
  ) throws {
    let picture = (path as NSString).deletingPathExtension + ".png"
    if let longest = results.max(by: { $0.verification.seconds < $1.verification.seconds }) {
      try writePNG(path: picture, picture: VerificationPlot.picture(of: longest.verification))
    }
    let text = """
      # Stress test

      `Scripts/soak`: every clip after the other in one process, nothing restarted, on \(backend).
      Offsets are of all onsets that can be paired with a true event within 0.3 s, one to one.

      \(SoakResult.head)
      \(results.map(\.row).joined(separator: "\n"))

      \(verdicts.map { "- \($0.line)" }.joined(separator: "\n"))

      ![Offsets and level over the longest clip](\((picture as NSString).lastPathComponent))

      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
  }
}
