import FoleyKit

/// Ways to join windows that overlap by two seconds.
enum Joining: String, CaseIterable {
  /// Each window by itself; where the next begins, the one before ends.
  case independent
  /// Each by itself; both are decoded and cross-faded over the overlap, equal in power.
  case crossfade
  /// Each by itself; the latents of the overlap are averaged, from the old to the new.
  case averaging
  /// At every step every second latent of the overlap is the old one's (latent swap, as in Dai et al. 2025).
  case swap
  /// At every step the overlap is held to the old latents, fully in its first half, then ever less.
  case continuation

  /// The sound of a clip.
  func sound(of study: WindowStudy) throws -> [Float] {
    if self == .crossfade { return try crossfaded(study) }
    var settled: [Float] = []
    var previous: [Float]?
    for window in study.windows {
      var latents = try study.latents(
        of: window, after: previous.flatMap { hold(after: $0, channels: study.channels) })
      if self == .averaging, let previous {
        let old = overlap(of: previous, channels: study.channels)
        for index in old.indices {
          let share = (Float(index / study.channels) + 0.5) / Float(old.count / study.channels)
          latents[index] = old[index] * (1 - share) + latents[index] * share
        }
      }
      settled += latents.prefix(window.settled * study.channels)
      previous = latents
    }
    return try study.sound(of: settled)
  }

  private func overlap(of window: [Float], channels: Int) -> ArraySlice<Float> {
    let tail = window[(WindowPlan.latentsPerHop * channels)...]
    return ArraySlice(Array(tail))
  }

  private func hold(after previous: [Float], channels: Int) -> Continuation? {
    switch self {
    case .independent, .crossfade, .averaging: return nil
    case .continuation: return Continuation(after: previous, channels: channels)
    case .swap:
      let latents = Array(overlap(of: previous, channels: channels))
      let weights = (0..<latents.count / channels).map { Float(1 - $0 % 2) }
      return Continuation(latents: latents, weights: weights, channels: channels)
    }
  }

  private func crossfaded(_ study: WindowStudy) throws -> [Float] {
    var result: [Float] = []
    for window in study.windows {
      let rows = window.goesOn ? window.latents.count : window.settled
      let sound = try study.sound(
        of: Array(
          try study.latents(of: window, after: nil).prefix(rows * study.channels)))
      let start = window.latents.lowerBound * Clock.samplesPerLatent
      let overlap = result.count - start
      for index in 0..<overlap {
        let share = (Float(index) + 0.5) / Float(overlap)
        result[start + index] =
          result[start + index] * (1 - share).squareRoot() + sound[index] * share.squareRoot()
      }
      result += sound.dropFirst(overlap)
    }
    return result
  }
}
