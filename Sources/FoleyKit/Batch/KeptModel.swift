import Sampling
import Synchronization
import Tensors

/// A model that stays loaded from one clip to the next.
public final class KeptModel: ModelDescription {
  private let base: any ModelDescription
  private let kept = Mutex<(any ModelFamily)?>(nil)

  public init(_ base: any ModelDescription) { self.base = base }

  public var folder: ModelFolder { base.folder }
  public var family: String { base.family }
  public var sampling: SamplingSettings { base.sampling }
  public var negativePrompt: String { base.negativePrompt }
  public var lastWindow: LastWindow { base.lastWindow }
  public var keepsStillScenesQuiet: Bool { base.keepsStillScenesQuiet }
  public var warnings: [String] { base.warnings }
  public func pictures(prompt: String) -> PictureWishes { base.pictures(prompt: prompt) }
  public func licences() throws(FoleyError) -> [ModelLicence] { try base.licences() }
  public func checkpoints() throws -> [ModelCheckpoint] { try base.checkpoints() }

  public func memoryNeed(precision: Precision?, on backend: any Backend) throws -> MemoryNeed {
    try base.memoryNeed(precision: precision, on: backend)
  }

  /// What is given the first time is used every time.
  public func load(_ resources: ModelResources) throws -> any ModelFamily {
    try kept.withLock { kept in
      let family = try kept ?? KeptFamily(base: base.load(resources))
      kept = family
      family.beginClip()
      return family
    }
  }
}

/// Keeps its parts: the next clip needs them again. The memory budget alone decides what has to go.
private struct KeptFamily: ModelFamily {
  let base: any ModelFamily

  var latentChannels: Int { base.latentChannels }
  var warnings: [String] { base.warnings }
  func beginClip() { base.beginClip() }
  func text(prompt: String, negative: String) throws -> TextConditions {
    try base.text(prompt: prompt, negative: negative)
  }
  func visual(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor? {
    try base.visual(window, progress: progress)
  }
  func sync(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor? {
    try base.sync(window, progress: progress)
  }
  func velocity(_ conditions: WindowConditions, guidance: Float) throws -> any VelocityModel {
    try base.velocity(conditions, guidance: guidance)
  }
  func decoder(seed: UInt64, aligns: Bool) throws -> any SoundDecoder {
    try base.decoder(seed: seed, aligns: aligns)
  }
  func release(_ part: ModelPart) {}
}
