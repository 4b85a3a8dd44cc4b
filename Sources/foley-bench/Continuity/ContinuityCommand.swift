import ArgumentParser
import CPUBackend
import FoleyKit
import Foundation
import Motion

/// Compares ways to join windows, by what is heard where they meet.
struct ContinuityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "continuity",
    abstract: "Compares ways to join windows, by what is heard where they meet.")

  @Option(help: "Seconds of each scene.")
  var seconds = 62.0

  @Option(help: "Takes of each scene, with seeds from 1.")
  var takes = 1

  @Option(help: "The model's name or folder.")
  var model = "mini"

  @Option(help: "Threads that compute.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  /// Half of them go on evenly, in the other half something strikes, the seconds apart that are given.
  private static let scenes: [(prompt: String, every: Double?)] = [
    ("rain on a roof", nil), ("a stream flows", nil), ("wind in the trees", nil),
    ("an engine idles", nil), ("a fire crackles", nil), ("a hammer strikes an anvil", 0.9),
    ("footsteps on gravel", 0.55), ("someone chops wood", 1.7), ("a clock ticks", 1),
    ("typing on a keyboard", 0.23),
  ]

  func run() throws {
    let description = try ModelFamilies.describe(ModelFolder.find(model))
    let resources = ModelResources(backend: try CPUBackend(threads: threads), threads: threads)
    var measures: [Joining: SeamMeasure] = [:]
    for take in 1...takes {
      for scene in Self.scenes {
        let events = scene.every.map { Array(stride(from: 0.4, to: seconds, by: $0)) } ?? []
        let request = GenerationRequest(
          source: .black(seconds: seconds), prompt: scene.prompt, seed: UInt64(take),
          givenEvents: EventFile(events: events.map { VisualEvent(time: $0, strength: 0.8) }))
        let study = try WindowStudy(request, model: description, resources)
        let seams = study.windows.dropFirst().map {
          Double($0.latents.lowerBound) / Double(Clock.latentRate)
        }
        for joining in Joining.allCases {
          measures[joining, default: SeamMeasure()].add(
            try joining.sound(of: study), seams: seams)
        }
      }
    }
    print(
      """
      | joined by | jump in overlaps / elsewhere | above 6 kHz, dB | doubled onsets a second, here / elsewhere \
      | spectra 3 s apart across, dB | within a window, dB |
      |---|---|---|---|---|---|
      """)
    func text(_ value: Double, _ digits: Int = 2) -> String {
      String(format: "%.\(digits)f", value)
    }
    for joining in Joining.allCases {
      guard let measure = measures[joining] else { continue }
      let jump = measure.energyJump.value / max(measure.ordinaryJump.value, 1e-6)
      print(
        "| \(joining.rawValue) | \(text(jump)) | \(text(measure.highLoss.value, 1)) "
          + "| \(text(measure.doubled.value)) / \(text(measure.ordinaryDoubled.value)) "
          + "| \(text(measure.distance.value)) | \(text(measure.ordinaryDistance.value)) |")
    }
  }
}
