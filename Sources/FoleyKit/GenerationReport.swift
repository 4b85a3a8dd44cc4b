import Motion
import Sampling

/// What came of a generation: the object that `--json` prints.
public struct GenerationReport: Encodable, Sendable {
  public struct Model: Encodable, Sendable {
    public var name: String
    public var family: String
    public var folder: String
  }

  /// What was asked for, with the model's own values where nothing was said.
  public struct Parameters: Encodable, Sendable {
    public var prompt: String
    public var negativePrompt: String
    public var seed: UInt64
    public var steps: Int
    public var guidance: Float
    public var sampler: Solver
    public var start: Double?
    public var end: Double?
  }

  /// Files written; absent where none was asked for.
  public struct Output: Encodable, Sendable {
    public var audio: String?
    public var video: String?
    public var plot: String?
    public var events: String?

    public init(
      audio: String? = nil, video: String? = nil, plot: String? = nil, events: String? = nil
    ) {
      self.audio = audio
      self.video = video
      self.plot = plot
      self.events = events
    }
  }

  public var output = Output()
  public var sampleRate = Clock.sampleRate
  public var samples: Int
  public var seconds: Double
  public var windows: Int
  public var model: Model
  public var parameters: Parameters
  /// Events seen in the picture, in seconds from the start of the sound; also hints too weak to count
  /// as events (`VisualEvent.threshold`), which the model hears of all the same.
  public var events: [VisualEvent]
  public var cuts: [Double]
  /// Where the sound begins anew, at cuts to other places and at changes of the prompt, in seconds.
  public var breaks: [Double]
  /// Motion energy, 25 values per second, 0 to 1; not part of the JSON.
  public var energy: [Float] = []
  /// How onsets of the sound lie to the events, before and after they were moved; absent where they were
  /// not to be moved.
  var alignment: OnsetAligner.Summary?
  /// The most the limiter took away at any moment, in dB; 0 where nothing was too loud.
  public var limiterReduction: Double
  /// Largest sample, in dB of full scale; absent where all is zero.
  public var peak: Double?
  /// What was done to the samples before they were written; absent where nothing was.
  public var delivery: DeliveryReport?
  public var backend: String
  /// Seconds spent in each stage; `total` is the whole run.
  public var timings: [String: Double]
  /// Seconds of sound made per second.
  public var speed: Double
  /// Bytes.
  public var peakMemory: Int
  public var warnings: [String]

  private enum CodingKeys: String, CodingKey {
    case output, sampleRate, samples, seconds, windows, model, parameters, events, cuts, breaks
    case alignment
    case limiterReduction, peak, delivery, backend, timings, speed, peakMemory, warnings
  }
}
