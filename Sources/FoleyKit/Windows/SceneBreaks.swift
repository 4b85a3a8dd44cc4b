/// What becomes of the sound where the picture cuts to another place.
public enum CutHandling: String, Sendable, Codable, CaseIterable {
  /// It begins anew, to the picture.
  case follow
  /// It goes on.
  case ignore
}

/// Where the sound begins anew inside a clip: where another prompt holds, and, if cuts are followed, where the
/// picture cuts to another place. Between two breaks lies a scene, whose windows go on from each other.
///
/// All places are latents, on the grid of motion features: every second one.
struct SceneBreaks {
  /// Cuts in quicker succession are a montage, which sounds as one.
  static let shortestShot = 3 * Clock.latentRate

  private let prompts: [(latents: Range<Int>, prompt: String)]
  private let prompt: String
  private let followsCuts: Bool

  init(_ request: GenerationRequest) {
    prompts = (request.cues?.ranges ?? []).map { range in
      let start = SceneBreaks.latent(range.start)
      return (start..<max(start, SceneBreaks.latent(range.end)), range.prompt)
    }
    prompt = request.prompt
    followsCuts = request.followsCuts
  }

  /// The first break in the scene that begins at `start`.
  ///
  /// - Parameter cuts: to other places, in seconds, as far as they have been seen.
  func first(after start: Int, cuts: [Double]) -> Int? {
    let edge = prompts.lazy.flatMap { [$0.latents.lowerBound, $0.latents.upperBound] }
      .first { $0 > start && $0 < .max }
    guard followsCuts else { return edge }
    let end = edge ?? .max
    let cut = cuts.lazy.map(SceneBreaks.latent).first {
      $0 - start >= SceneBreaks.shortestShot && end - $0 >= SceneBreaks.shortestShot
    }
    return cut ?? edge
  }

  /// What is to be heard in the scene that begins at `start`.
  func prompt(at start: Int) -> String {
    prompts.first { $0.latents.contains(start) }?.prompt ?? prompt
  }

  /// The nearest latent on the grid; the largest number for a time without end.
  private static func latent(_ seconds: Double) -> Int {
    guard seconds < 1e9 else { return .max }
    return 2 * Int((seconds * Double(Clock.syncRate)).rounded())
  }
}

extension GenerationRequest {
  /// Every prompt of the clip, once each.
  var prompts: [String] {
    let ranges = cues?.ranges ?? []
    // One that spans the clip leaves nothing to the general prompt, but it costs next to nothing.
    return ([prompt] + ranges.map(\.prompt)).reduce(into: []) { known, prompt in
      if !known.contains(prompt) { known.append(prompt) }
    }
  }

  /// With one description of the whole clip the sound goes on across cuts; where the picture decides, it does not.
  var followsCuts: Bool { cuts.map { $0 == .follow } ?? prompt.isEmpty }
}
