import ArgumentParser
import FoleyKit
import Foundation
import Sampling

// The options of `generate`, in the groups its help shows.

extension Solver: ExpressibleByArgument {}
extension CutHandling: ExpressibleByArgument {}

struct ContentOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: "What is to be heard. Without a prompt the picture decides.")
  var prompt: String?

  @Option(
    help: ArgumentHelp("Read the prompt from a text file.", valueName: "file"),
    completion: .file())
  var promptFile: String?

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("What is not to be heard.", valueName: "prompt"))
  var negativePrompt: String?

  @Option(
    help: ArgumentHelp(
      "Your own event times, and prompts of parts of the clip: a CSV file of start,end,prompt.",
      valueName: "file"))
  var cues: String?

  @Option(
    help: ArgumentHelp(
      "Whether the sound begins anew where the picture cuts to another place, or goes on; follow "
        + "without a prompt, else ignore."))
  var cuts: CutHandling?

  // Taken as it stands, so that a number below 0 is told from a missing one.
  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp(
      "Another number gives another take; the same number the same bytes.", valueName: "number"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp("Steps of the sampler; more is slower.", valueName: "count"))
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "How strongly prompt and picture are followed; 1 is plain.", valueName: "scale"))
  var cfgScale: Float?

  @Option(help: "Solver of the sampler; by default the model's own.")
  var sampler: Solver?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Begin here in the clip: seconds, or mm:ss.", valueName: "time"))
  var start: TimeArgument?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("End here in the clip.", valueName: "time"))
  var end: TimeArgument?

  @Option(
    help: ArgumentHelp("How long a single picture sounds; 8 by default.", valueName: "seconds"))
  var seconds: Double?

  mutating func validate() throws {
    if prompt != nil && promptFile != nil {
      throw ValidationError("--prompt and --prompt-file exclude each other.")
    }
    if let steps, !(1...1000).contains(steps) {
      throw ValidationError("--steps \(steps): give a number from 1 to 1000.")
    }
    if let cfgScale, !(0...50).contains(cfgScale) {
      throw ValidationError("--cfg-scale \(cfgScale): give a number from 0 to 50.")
    }
    if let seconds, !(seconds >= 0.02 && seconds <= 86_400) {
      throw ValidationError("--seconds \(seconds): give a number from 0.02 to 86400.")
    }
    try TimeArgument.checkRange(from: start, to: end)
  }

  /// The prompt, from wherever it was given; empty where none was.
  func readPrompt() throws(FoleyError) -> String {
    guard let promptFile else { return prompt ?? "" }
    let text = try InputFile.text(promptFile, "a prompt")
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

extension Precision: ExpressibleByArgument {}
extension ByteCount: ExpressibleByArgument {}

struct ModelOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp("A model's name, or its folder.", valueName: "name"),
    completion: .file())
  var model = "mini"

  @Option(help: DeviceChoice.help, completion: DeviceChoice.completion)
  var device = DeviceChoice.auto

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Threads to compute with; all processors by default. The result does not depend on it.",
      valueName: "count"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Memory to use at most, such as 8G; by default what the machine has to spare. With less, parts "
        + "of a large model are read again for every window.", valueName: "bytes"))
  var ramBudget: ByteCount?

  @Option(
    help: ArgumentHelp(
      "The same of a GPU's memory, where that computes; by default what is free.",
      valueName: "bytes"))
  var vramBudget: ByteCount?

  @Option(
    help:
      "Numbers of the generator; int8 is fastest and a little less exact. By default the model's own."
  )
  var precision: Precision?

  mutating func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads \(threads): give a number from 1 to 256.")
    }
  }

  /// The model these options name, ready to be loaded and to compute.
  func pipeline() throws -> Pipeline { try pipeline(keeping: { $0 }) }

  /// - Parameter keeping: what is put in place of the model's description.
  func pipeline(keeping: (any ModelDescription) -> any ModelDescription) throws -> Pipeline {
    let description = try keeping(ModelFamilies.describe(ModelFolder.find(model)))
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    return Pipeline(
      model: description,
      try device.resources(
        for: description, threads: threads, precision: precision, ram: ramBudget?.bytes,
        vram: vramBudget?.bytes))
  }
}

struct OutputOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "The sound file; the clip's name with .wav in this folder by default. - is standard output.",
      valueName: "file"),
    completion: .file())
  var output: String?

  @Option(help: .hidden)
  var outputFolder: String?

  @Option(
    help:
      "wav, flac, or bwf: wav with time code, loudness, and markers at the events; by default what the name says."
  )
  var format: OutputFormat?

  @Option(help: "16 (dithered), 24, or 32f for floating point.")
  var bitDepth: BitDepth = .sixteen

  @Option(
    help: ArgumentHelp(
      "Also write the clip with this sound; its pictures are copied untouched.",
      valueName: "file"),
    completion: .file())
  var mux: String?

  @Option(
    help: ArgumentHelp(
      "Also write a picture (PNG) of the sound: waveform, spectrogram, events.",
      valueName: "file"),
    completion: .file())
  var plot: String?

  @Option(
    help: ArgumentHelp("Also write the events seen in the picture, as JSON.", valueName: "file"),
    completion: .file())
  var events: String?

  @Option(
    help: ArgumentHelp(
      "Also write all that is known of the run, as JSON: versions, hashes, windows, loudness.",
      valueName: "file"))
  var sidecar: String?

  @Flag(help: "Replace files that exist.")
  var overwrite = false

  @Flag(help: "Do nothing, successfully, if the output exists.")
  var skipExisting = false

  mutating func validate() throws {
    if overwrite && skipExisting {
      throw ValidationError("--overwrite and --skip-existing exclude each other.")
    }
    if output != nil && outputFolder != nil {
      throw ValidationError("--output and --output-folder exclude each other.")
    }
  }
}

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
  case wav, flac, bwf
}

enum BitDepth: String, CaseIterable, ExpressibleByArgument {
  case sixteen = "16"
  case twentyFour = "24"
  case float = "32f"
}

struct ReportOptions: ParsableArguments {
  @Flag(help: "Print a JSON object about the result on standard output.")
  var json = false

  @Option(help: "How progress is told on standard error.")
  var progress = ProgressMode.auto

  @Flag(name: [.short, .long], help: "Only errors and warnings on standard error.")
  var quiet = false

  @Flag(name: [.short, .long], help: "Also tell where the time goes.")
  var verbose = false

  mutating func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other.") }
  }
}

struct RehearsalOptions: ParsableArguments {
  @Flag(help: "Only tell what would be done; loads no model and writes nothing.")
  var dryRun = false
}

/// For measuring and testing; not in the help.
struct HiddenOptions: ParsableArguments {
  /// Events to follow in place of those seen.
  @Option(help: .hidden)
  var useEvents: String?

  /// A safetensors file with the tensor `noise` [latents, channels].
  @Option(help: .hidden)
  var noise: String?
}
