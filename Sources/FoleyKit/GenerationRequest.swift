import Motion
import Sampling

/// What is to be made: everything that decides the sound. The same request, model and program give
/// the same bytes.
public struct GenerationRequest: Sendable, Codable {
  /// What is looked at.
  public enum Source: Sendable, Equatable, Codable {
    /// A video file, or a part of it in seconds from its first shown picture. A file that holds a single
    /// picture is shown for `pictureSeconds`, 8 where nothing is said; to say it of a video is an error.
    case video(
      path: String, start: Double? = nil, end: Double? = nil, pictureSeconds: Double? = nil)
    /// No picture at all, for so many seconds: for tests and for measuring a model by given events.
    case black(seconds: Double)
  }

  public var source: Source
  /// What is to be heard; empty: what is seen decides.
  public var prompt: String
  /// What is not to be heard; empty: nothing in particular; nil: what the model has for it.
  public var negativePrompt: String?
  public var seed: UInt64
  /// Steps of the sampler, strength of guidance and solver; nil: the model's own.
  public var steps: Int?
  public var guidance: Float?
  public var solver: Solver?
  /// A safetensors file whose tensor `noise` [latents, channels] replaces the seeded noise.
  public var noiseFile: String?
  /// Events to follow in place of those seen.
  public var givenEvents: EventFile?
  /// Events and prompts of parts of the clip.
  public var cues: CueSheet?
  /// What becomes of the sound at cuts to other places; nil: it begins anew where no prompt describes the whole.
  public var cuts: CutHandling?
  /// Whether onsets of the sound are moved to the events they belong to.
  public var aligns: Bool

  public init(
    source: Source, prompt: String = "", negativePrompt: String? = nil, seed: UInt64 = 0,
    steps: Int? = nil, guidance: Float? = nil, solver: Solver? = nil, noiseFile: String? = nil,
    givenEvents: EventFile? = nil, cues: CueSheet? = nil, cuts: CutHandling? = nil,
    aligns: Bool = true
  ) {
    self.source = source
    self.prompt = prompt
    self.negativePrompt = negativePrompt
    self.seed = seed
    self.steps = steps
    self.guidance = guidance
    self.solver = solver
    self.noiseFile = noiseFile
    self.givenEvents = givenEvents
    self.cues = cues
    self.cuts = cuts
    self.aligns = aligns
  }
}
