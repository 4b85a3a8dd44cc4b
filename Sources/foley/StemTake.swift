import FoleyKit
import Foundation
import Media

/// One of the sounds that make up the whole.
struct StemTake {
  /// Nil where there is only one.
  let stem: StemArgument?
  let request: GenerationRequest
  let journal: Journal?
}

extension GenerationRequest {
  /// The same with a stem's prompt, and a seed of its own.
  func taking(_ stem: StemArgument) throws(FoleyError) -> GenerationRequest {
    guard cues?.ranges.isEmpty != false else {
      throw .usage(
        "--stem gives each sound one prompt; the sheet of --cues has prompts of its own: leave them out."
      )
    }
    var request = self
    request.prompt = stem.prompt
    request.seed = stem.seed(from: seed)
    return request
  }
}

extension GenerationReport {
  /// Of several sounds of one clip: what was seen is the same, the work adds up.
  init(of reports: [GenerationReport]) {
    self = reports[0]
    guard reports.count > 1 else { return }
    peak = nil
    parameters.prompt = reports.map(\.parameters.prompt).joined(separator: ", ")
    for report in reports.dropFirst() {
      timings.merge(report.timings, uniquingKeysWith: +)
      limiterReduction = max(limiterReduction, report.limiterReduction)
      peakMemory = max(peakMemory, report.peakMemory)
      warnings += report.warnings.filter { !warnings.contains($0) }
    }
    speed = seconds / max(timings["total"] ?? 0, 1e-9)
  }
}

/// The clip's own sound, where it is mixed with the new one.
struct OriginalSound {
  let sound: ClipSound
  let mixing: DeliverySettings.Mixing

  /// Nil where it is not wanted, or there is none.
  init?(_ request: GenerationRequest, _ plan: DeliveryPlan) throws(MediaError) {
    guard plan.original.isMixed, case .video(let path, let start, _, _) = request.source else {
      return nil
    }
    let video = try VideoReader(path: path, start: start)
    guard
      let sound = try ClipSound(
        path: path, start: video.information.startTime + video.start,
        channels: plan.choosesChannels ? nil : plan.settings.channels)
    else { return nil }
    self.sound = sound
    mixing = plan.original == .duck ? .ducked(depth: Float(plan.duckDepth)) : .mixed
  }

  /// Its samples, as many as the new sound has.
  func store(for output: String, frames: Int) throws(MediaError) -> SampleStore {
    let store = try SampleStore(for: output, channels: sound.channels)
    try store.append(sound, frames: frames)
    return store
  }
}
