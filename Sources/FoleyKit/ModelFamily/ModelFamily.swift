import Media
import Sampling
import Signal
import Tensors

/// How a model wants to be sampled where the person says nothing.
public struct SamplingSettings: Codable, Sendable, Equatable {
  public var steps: Int
  public var guidance: Float
  public var solver: Solver
}

/// Pictures a model wants to look at.
public struct PictureWish: Sendable, Equatable {
  /// Width and height; they are cut from the middle of the frame.
  public var size: Int
  /// How many of them for each second.
  public var rate: Int
}

/// What is known of a model before its weights are read.
public protocol ModelDescription: Sendable {
  var folder: ModelFolder { get }
  var family: String { get }
  var sampling: SamplingSettings { get }
  /// The pictures the semantic encoder looks at; nil where none are needed because the prompt says what
  /// is heard.
  func pictures(prompt: String) -> PictureWish?
  /// Reads the weights.
  ///
  /// - Throws: `FoleyError.badModel` or `CheckpointError`, naming the file and what is wrong with it.
  func load(on backend: any Backend) throws -> any ModelFamily
}

/// A loaded model: the encoders that condition the transformer, the transformer, and the decoder of its
/// latents. The pipeline is the same for every family.
public protocol ModelFamily: Sendable {
  /// Channels of a latent.
  var latentChannels: Int { get }

  /// What a prompt says, computed once for a clip; nil where it is empty.
  func text(_ prompt: String) -> Tensor?

  /// What the pictures of one window show.
  ///
  /// - Parameter pictures: as `ModelDescription.pictures` asks for, at least one.
  func visual(_ pictures: [Picture]) throws -> Tensor

  /// The direction of the sound of one window, ready for the sampler.
  ///
  /// - Parameters:
  ///   - prompt, negative: what `text` gave.
  ///   - visual: what `visual` gave; nil: the model has not looked.
  ///   - motion: features of `SyncFeatures`, one row for every two latents of the window, a multiple of
  ///     eight of them, [rows, 8], row-major.
  ///   - guidance: strength of guidance by prompt and picture; 1: none.
  func velocity(
    prompt: Tensor?, negative: Tensor?, visual: Tensor?, motion: [Float], guidance: Float
  ) -> any VelocityModel

  /// A decoder that takes latents in order, as many as there are each time, and gives the sound.
  ///
  /// - Parameter seed: of what is random in decoding.
  func decoder(seed: UInt64, threads: Int) -> any SoundDecoder
}

/// Turns a stream of latents into a stream of samples, `Clock.samplesPerLatent` for each latent.
public protocol SoundDecoder {
  /// Takes more latents, [rows, channels] row-major, and gives the samples that are certain by now.
  mutating func decode(_ latents: [Float]) -> [Float]
  /// The rest, once no more latents come.
  mutating func finish() -> [Float]
}

/// The families this program knows.
public enum ModelFamilies {
  /// Reads a folder's `config.json` and finds the family that it names.
  public static func describe(_ folder: ModelFolder) throws(FoleyError) -> any ModelDescription {
    struct Family: Decodable {
      var family: String
    }
    let family = try folder.configuration(Family.self).family
    switch family {
    case MiniDescription.family: return try MiniDescription(folder)
    default:
      throw .badModel(
        path: folder.file(ModelFolder.configurationFile),
        reason: "'family' is '\(family)'; this version knows: \(MiniDescription.family)")
    }
  }
}
