import ArgumentParser
import FoleyKit
import Foundation

struct RetakeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retake",
    abstract: "Make a part of a sound again.",
    usage: "foley retake [<options>] <sound> --from <time> --to <time>",
    discussion: """
      Examples:
        foley generate film.mp4 -p rain -o film.wav --keep-journal
        foley retake film.wav --from 61.5 --to 64 --seed 9
        foley retake film.wav --from 1:20 --to 1:24 -p thunder -o other.wav

      What is around the part stays as it is, and the part goes on from it. The
      journal beside the sound is needed; it holds the new take afterwards, unless
      -o names another file.
      """)

  @Argument(help: "A sound made with --keep-journal.", completion: .file())
  var sound: String

  @Option(help: ArgumentHelp("Where the part begins: seconds, or mm:ss.", valueName: "time"))
  var from: TimeArgument

  @Option(help: ArgumentHelp("Where it ends.", valueName: "time"))
  var to: TimeArgument

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp("Another number gives another take.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    name: [.short, .long],
    help: "What is to be heard there; by default what was asked for the whole.")
  var prompt: String?

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "A new file for the result; by default the sound is replaced.", valueName: "file"))
  var output: String?

  @Option(help: DeviceChoice.help, completion: DeviceChoice.completion)
  var device = DeviceChoice.auto

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("Threads to compute with; all processors by default.", valueName: "count"))
  var threads: Int?

  @Flag(help: "Replace the file that -o names.")
  var overwrite = false

  @OptionGroup(title: "Reports") var reports: ReportOptions

  func validate() throws {
    try TimeArgument.checkRange(from: from, to: to)
  }

  func run() throws {
    ErrorLog.use(from: reports.verbose ? .debug : .warning)
    let display = ProgressDisplay(reports.progress, quiet: reports.quiet)
    let old = sound + ".journal"
    guard FileManager.default.fileExists(atPath: sound) else {
      throw FoleyError.noInput(file: sound, reason: "no such file")
    }
    guard FileManager.default.fileExists(atPath: old) else {
      throw FoleyError.noInput(
        file: old, reason: "no such file; a sound can be changed where --keep-journal left it")
    }
    let contents = try JournalContents(old)
    let head = contents.head
    guard from.seconds < contents.seconds else {
      throw FoleyError.usage(
        "--from \(ProgressDisplay.text(from.seconds)) s: the sound ends at "
          + "\(ProgressDisplay.text(contents.seconds)) s.")
    }
    let retake = try Retake(from.seconds..<to.seconds, seed: seed, prompt: prompt)
    let plan = try OutputPlan(try outputOptions(head), clip: nil)
    if let output, !overwrite, !plan.existing.isEmpty {
      throw FoleyError.cannotCreate(file: output, reason: "exists already; --overwrite replaces it")
    }
    guard let path = plan.journal else {
      throw FoleyError.usage("A retake needs its sound in a file, not in a pipe.")
    }
    // The journal changes with the sound, or not at all.
    let changed = path + ".partial"
    let report = try Interruption.removing([changed]) {
      defer { unlink(changed) }
      try copy(old, changed)
      let report = try make(retake, contents: contents, journal: changed, plan, display)
      guard rename(changed, path) == 0 else {
        throw FoleyError.cannotCreate(file: path, reason: String(cString: strerror(errno)))
      }
      return report
    }
    if reports.json { Terminal.output(JSON.text(report) + "\n") }
    display.finish(
      "\(plan.audioPath): \(ProgressDisplay.text(from.seconds)) s to "
        + "\(ProgressDisplay.text(to.seconds)) s made again")
  }

  private func make(
    _ retake: Retake, contents: JournalContents, journal path: String, _ plan: OutputPlan,
    _ display: ProgressDisplay
  ) throws -> GenerationReport {
    let head = contents.head
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let model = try ModelFamilies.describe(ModelFolder.find(head.model))
    let pipeline = Pipeline(
      model: model,
      try device.resources(for: model, threads: threads, precision: head.precision))
    let journal = try Journal(
      path: path, head: try pipeline.journalHead(head.request, output: head.output), resumes: true,
      isKept: true)
    return try GenerationRun(
      pipeline: pipeline, request: head.request, plan: plan, display: display, journal: journal,
      retake: retake
    ).run()
  }

  private func outputOptions(_ head: JournalHead) throws -> OutputOptions {
    var options = try OutputOptions.parse([])
    options.output = output ?? sound
    options.format = head.output["format"].flatMap(OutputFormat.init(rawValue:))
    options.bitDepth = head.output["bit depth"].flatMap(BitDepth.init(rawValue:)) ?? .sixteen
    return options
  }

  private func copy(_ old: String, _ new: String) throws {
    do {
      if FileManager.default.fileExists(atPath: new) {
        try FileManager.default.removeItem(atPath: new)
      }
      try FileManager.default.copyItem(atPath: old, toPath: new)
    } catch {
      throw FoleyError.cannotCreate(file: new, reason: error.localizedDescription)
    }
  }
}
