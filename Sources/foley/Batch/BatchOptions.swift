import ArgumentParser
import FoleyKit
import Foundation

/// What `batch` and its worker processes are both told.
struct BatchOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A manifest (JSON lines, CSV, or a clip a line), a folder of clips, or - for lines on standard input.",
      valueName: "manifest"))
  var source: String

  @OptionGroup(title: "Content, where an item says nothing") var content: ContentOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Output") var output: BatchOutputOptions
  @OptionGroup(title: "Work") var work: BatchWorkOptions

  mutating func validate() throws {
    if source.isEmpty { throw ValidationError("Name a manifest or a folder.") }
  }
}

struct BatchOutputOptions: ParsableArguments {
  @Option(
    name: [.customLong("output-dir"), .customLong("output-folder")],
    help: ArgumentHelp(
      "Where all outputs and results.jsonl go; made if it is not there.", valueName: "folder"))
  var outputDir: String

  @Option(help: "wav or flac.")
  var format = OutputFormat.wav

  @Option(help: "16 (dithered), 24, or 32f for floating point.")
  var bitDepth: BitDepth = .sixteen

  @Option(
    help: ArgumentHelp(
      "Also write each clip with its sound, as mp4, mov, mkv or webm.", valueName: "ending"))
  var mux: String?

  @Flag(help: "Also write a picture (PNG) of each sound.")
  var plot = false

  @Flag(help: "Also write the events seen in each clip, as JSON.")
  var events = false

  @Flag(help: "Also write all that is known of each run, as JSON.")
  var sidecar = false

  @Flag(help: "Leave onsets where they are; else they are moved to the events they belong to.")
  var noAlign = false

  mutating func validate() throws {
    if outputDir.isEmpty { throw ValidationError("--output-dir: name a folder.") }
    if let mux, !["mp4", "mov", "mkv", "webm"].contains(mux) {
      throw ValidationError("--mux \(mux): give mp4, mov, mkv or webm.")
    }
  }

  /// The options of a single run whose sound has this path.
  func options(for path: String) throws -> OutputOptions {
    let stem = (path as NSString).deletingPathExtension
    var options = try OutputOptions.parse([])
    options.output = path
    (options.format, options.bitDepth) = (format, bitDepth)
    options.mux = mux.map { stem + "." + $0 }
    options.plot = plot ? stem + ".png" : nil
    options.events = events ? stem + ".events.json" : nil
    options.sidecar = sidecar ? stem + ".json" : nil
    options.overwrite = true
    return options
  }
}

struct BatchWorkOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Processes that work side by side; they share the model's files in memory, and the processors.",
      valueName: "count"))
  var jobs = 1

  @Option(
    help: ArgumentHelp(
      "Do a part of the items: the I-th of N. By default what Slurm's array or Kubernetes' indexed job says.",
      valueName: "I/N"))
  var shard: ShardArgument?

  @Option(
    help: ArgumentHelp(
      "Further attempts after errors that may pass: memory, a killed process.", valueName: "count"))
  var retries = 2

  @Option(
    help: ArgumentHelp("Seconds an item may take; by default any.", valueName: "seconds"))
  var timeout: Double?

  @Option(
    help: ArgumentHelp("End when so many items have failed; by default never.", valueName: "count"))
  var maxFailures: Int?

  mutating func validate() throws {
    if !(1...256).contains(jobs) {
      throw ValidationError("--jobs \(jobs): give a number from 1 to 256.")
    }
    if !(0...100).contains(retries) {
      throw ValidationError("--retries \(retries): give a number from 0 to 100.")
    }
    if let timeout, !(timeout > 0 && timeout <= 1e7) {
      throw ValidationError("--timeout: give a number of seconds above 0.")
    }
    if let maxFailures, maxFailures < 1 {
      throw ValidationError("--max-failures \(maxFailures): give a number from 1.")
    }
  }
}

/// `2/8`: the second of eight parts.
struct ShardArgument: ExpressibleByArgument {
  let shard: BatchShard

  init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1],
      let shard = BatchShard(number: number, of: count)
    else { return nil }
    self.shard = shard
  }
}
