import ArgumentParser
import FoleyKit
import Foundation
import Threads

struct Batch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the sounds of many clips.",
    discussion: """
      Examples:
        foley batch clips/ --output-dir sounds -p "rain on leaves"
            clips/NAME.txt beside clips/NAME.mp4 is that clip's prompt
        foley batch clips.jsonl --output-dir sounds --jobs 2
        foley batch clips.csv --output-dir sounds --shard 2/8
        find . -name '*.mp4' | foley batch - --output-dir sounds

      A line of a manifest is a clip's path, or an object such as
        {"id": "a7", "video": "a7.mp4", "prompt": "rain", "seed": 3}
      with negative_prompt, start, end, cues and output, too. A CSV names its
      columns in its first line: index,video,prompt. Paths begin at the manifest.

      Each item has one record in results.jsonl. Run again, only what is missing,
      has failed or would be other bytes is made. An item's seed is its own, or
      comes from --seed and its id. Files in the output folder are replaced.
      """)

  @OptionGroup var options: BatchOptions
  @OptionGroup(title: "Reports") var reports: ReportOptions
  @OptionGroup(title: "Reports") var rehearsal: RehearsalOptions

  func run() throws {
    ErrorLog.use(from: reports.verbose ? .debug : .warning)
    let display = BatchDisplay(reports.progress, quiet: reports.quiet)
    let shard =
      try options.work.shard?.shard
      ?? BatchShard.ofJobQueue(ProcessInfo.processInfo.environment)
    let source = try BatchSource(options.source, shard: shard)
    for warning in source.warnings { display.warn(warning) }
    let folder = BatchFolder(options.output)
    if rehearsal.dryRun { return try describe(source, folder) }
    try checkSettings()
    try folder.make()

    let streams = source.items == nil
    let ledger = try BatchLedger(folder: folder, shard: shard, items: source.items) {
      display.show($0, isUnchanged: $1, $2)
      if streams { Terminal.output(JSON.text($0, pretty: false) + "\n") }
    }
    // A worker that dies is noticed by what it says no more, not by a signal.
    signal(SIGPIPE, SIG_IGN)
    Interruption.endsByItself(true, after: "the items under way")
    let limit = options.work.maxFailures ?? .max
    let count = max(1, min(options.work.jobs, source.items?.count ?? options.work.jobs))
    let slot = BatchSlot(
      arguments: workerArguments, options: options, folder: folder, ledger: ledger)
    try Workplaces.run(count, slot) {
      source.next {
        Interruption.requested != nil || ledger.counts.failed >= limit || ledger.failure != nil
      }
    }
    try ledger.finish(source.taken)
    for warning in source.laterWarnings { display.warn(warning) }
    try conclude(ledger, display, limit)
  }

  /// What the workers are told: this command's own arguments.
  private var workerArguments: [String] {
    ReferenceNames.translated(Array(CommandLine.arguments.dropFirst(2)))
  }

  /// Mistakes of the command line would be mistakes of every item.
  private func checkSettings() throws {
    _ = try ModelFamilies.describe(ModelFolder.find(options.model.model))
    try options.model.device.check()
    _ = try options.content.readPrompt()
    guard options.output.format != .flac || options.output.bitDepth != .float else {
      throw FoleyError.usage(
        "FLAC holds whole numbers only: use --bit-depth 16 or 24, or --format wav.")
    }
  }

  /// `--dry-run`
  private func describe(_ source: BatchSource, _ folder: BatchFolder) throws {
    guard let items = source.items else {
      throw FoleyError.usage("--dry-run needs a manifest or a folder, not standard input.")
    }
    var text = ""
    for item in items {
      if reports.json {
        var object = [
          "id": JSON.Value(item.id), "video": JSON.Value(item.video),
          "output": JSON.Value(folder.sound(of: item)),
          "seed": JSON.Value(item.seed(ofBatch: options.content.seed)),
        ]
        object["prompt"] = (item.prompt ?? options.content.prompt).map { JSON.Value($0) }
        object["error"] = item.fault.map { JSON.Value($0) }
        text += JSON.text(object, pretty: false) + "\n"
      } else if let fault = item.fault {
        text += "\(item.id): \(fault)\n"
      } else {
        text += "\(item.id): \(item.video) -> \(folder.sound(of: item))\n"
      }
    }
    Terminal.output(text)
  }

  private func conclude(
    _ ledger: BatchLedger, _ display: BatchDisplay, _ limit: Int
  ) throws {
    let counts = ledger.counts
    var summary = "\(counts.done) done, \(counts.unchanged) unchanged, \(counts.failed) failed"
    if let items = counts.items, items > counts.finished {
      summary += ", \(items - counts.finished) not tried"
    }
    summary += ": \(ledger.path)"
    if reports.json && options.source != "-" { Terminal.output(JSON.text(counts) + "\n") }
    display.finish(summary)
    if let signal = Interruption.requested { throw ExitCode(128 + signal) }
    if counts.failed > 0 {
      throw ExitCode(counts.temporary == counts.failed ? ExitStatus.temporary.rawValue : 1)
    }
  }
}

/// The threads of a batch's workplaces.
private enum Workplaces {
  /// Runs `count` of them until all have ended.
  static func run(
    _ count: Int, _ slot: BatchSlot, next: @escaping @Sendable () -> BatchItem?
  ) throws(ThreadError) {
    let ended = DispatchSemaphore(value: 0)
    var started = 0
    defer { for _ in 0..<started { ended.wait() } }
    for _ in 0..<count {
      try detachThread {
        slot.work(next)
        ended.signal()
      }
      started += 1
    }
  }
}
