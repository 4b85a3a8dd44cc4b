import ArgumentParser
import FoleyKit

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
      "2 spreads the sound; half the sum of both is the sound of 1, sample for sample.",
      valueName: "1|2"))
  var channels: Int?

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
  }

  var plan: DeliveryPlan {
    DeliveryPlan(
      settings: DeliverySettings(
        loudness: loudness, ceiling: truePeak ?? DeliverySettings.usualCeiling,
        channels: channels ?? 1, isWide: channels == 2))
  }
}

/// How the sound is handed over.
struct DeliveryPlan {
  var settings = DeliverySettings()

  /// Whether the samples have to be complete before the first can be written.
  var needsWholeSound: Bool { !settings.changesNothing }
}
