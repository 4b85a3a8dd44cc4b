import ArgumentParser
import FoleyKit
import Foundation

/// The options of `generate` about how the sound is handed over.
struct DeliveryOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Integrated loudness (EBU R128), such as -23; by default as it comes.", valueName: "LUFS"))
  var loudness: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The highest true peak; -1 by default.", valueName: "dB"))
  var truePeak: Double?

  @Option(
    help: ArgumentHelp(
      "2 spreads the sound over two channels; in mono nothing of that remains.", valueName: "1|2"))
  var channels: Int?

  @Option(
    help: ArgumentHelp(
      "The clip's own sound: replace it; keep it as tracks of their own in the file of --mux; mix it in; or duck it, "
        + "which mixes it in lower where the new sound is heard.",
      valueName: "use"))
  var original = OriginalUse.replace

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Raise the new sound; 0 by default.", valueName: "dB"))
  var gain: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Raise the clip's own sound where it is mixed in.", valueName: "dB"))
  var originalGain: Double?

  @Option(
    help: ArgumentHelp(
      "How far --original duck lowers the clip's own sound; 9 by default.", valueName: "dB"))
  var duckDepth: Double?

  @Option(
    name: .customLong("stem"),
    help: ArgumentHelp(
      "One of several sounds that make up the whole, such as steps=\"footsteps on gravel\", in a file of its own "
        + "beside the whole. Repeat it.", valueName: "name=prompt"))
  var stems: [StemArgument] = []

  func validate() throws {
    if let loudness, !(-70 ... -5).contains(loudness) {
      throw ValidationError("--loudness \(loudness): give a number from -70 to -5.")
    }
    if let truePeak, !(-30...0).contains(truePeak) {
      throw ValidationError("--true-peak \(truePeak): give a number from -30 to 0.")
    }
    if let channels, !(1...2).contains(channels) {
      throw ValidationError("--channels \(channels): give 1 or 2.")
    }
    for (name, value) in [("--gain", gain), ("--original-gain", originalGain)] {
      if let value, !(-60...40).contains(value) {
        throw ValidationError("\(name) \(value): give a number from -60 to 40.")
      }
    }
    if let duckDepth, !(0...60).contains(duckDepth) {
      throw ValidationError("--duck-depth \(duckDepth): give a number from 0 to 60.")
    }
    if originalGain != nil && !original.isMixed {
      throw ValidationError("--original-gain belongs to --original mix or duck.")
    }
    if duckDepth != nil && original != .duck {
      throw ValidationError("--duck-depth belongs to --original duck.")
    }
    if original.isMixed && !stems.isEmpty {
      throw ValidationError(
        "--stem takes the new sounds apart; --original mix and duck would put another one in.")
    }
    for (index, stem) in stems.enumerated()
    where stems[..<index].contains(where: { $0.name.lowercased() == stem.name.lowercased() }) {
      throw ValidationError("--stem \(stem.name): there are two of this name.")
    }
  }

  var plan: DeliveryPlan {
    DeliveryPlan(
      settings: DeliverySettings(
        loudness: loudness, ceiling: truePeak ?? DeliverySettings.usualCeiling,
        channels: channels ?? 1, isWide: channels == 2, gain: gain ?? 0,
        originalGain: originalGain ?? 0),
      original: original, duckDepth: duckDepth ?? 9, choosesChannels: channels == nil, stems: stems)
  }
}

/// What becomes of the clip's own sound.
enum OriginalUse: String, CaseIterable, ExpressibleByArgument {
  case replace, keep, mix, duck

  var isMixed: Bool { self == .mix || self == .duck }
}

/// `name=prompt`
struct StemArgument: ExpressibleByArgument {
  let name: String
  let prompt: String

  /// Names become parts of files' names: letters, digits, - and _.
  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, parts[0].count <= 40,
      parts[0].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
    else { return nil }
    name = String(parts[0])
    prompt = parts[1].trimmingCharacters(in: .whitespaces)
    if prompt.isEmpty { return nil }
  }

  /// A take of its own for every name, whatever the order.
  func seed(from seed: UInt64) -> UInt64 {
    // FNV-1a of the name, then SplitMix64's output function.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var z = seed ^ hash
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// How the sound is handed over.
struct DeliveryPlan {
  var settings = DeliverySettings()
  var original = OriginalUse.replace
  /// dB
  var duckDepth = 0.0
  /// Whether the channels of the clip's own sound decide, where it is mixed in.
  var choosesChannels = true
  var stems: [StemArgument] = []

  /// Whether the samples have to be complete before the first can be written.
  var needsWholeSound: Bool {
    !settings.changesNothing || original.isMixed || !stems.isEmpty
  }
}
