import Checkpoints
import Tensors

/// The multimodal diffusion transformer: noisy latents, the diffusion time, and conditions from text,
/// picture and motion -> the direction to the sound.
///
/// The same code runs the embedded model and the published checkpoints, whose key names and habits it
/// keeps. Legend: B batch, A audio tokens (latents), V visual, L text, S sync tokens, D width, C latent
/// channels.
public struct DiffusionTransformer: Sendable {
  public let configuration: TransformerConfiguration
  /// Learned stand-in for a visual feature where there is no picture, [1, visualWidth].
  public let emptyVisual: Tensor
  /// Learned stand-in for a sync feature where there is no motion, [1, syncWidth].
  public let emptySync: Tensor

  private let audioIn: Conv1d
  private let visualIn: GatedProjection
  private let textIn: TextProjection
  private let timeIn: TimeEmbedding
  private let syncIn: SyncProjection
  private let syncPositions: [Float]
  private let tripleBlocks: [TripleBlock]
  private let singleBlocks: [SingleBlock]
  private let output: Linear
  private let times = TimeCache()

  /// Called with the name and value of an intermediate result, for comparison with another
  /// implementation.
  public typealias Observer = (_ name: String, _ value: Tensor) -> Void

  /// Reads a checkpoint under its published key names.
  ///
  /// - Parameter precision: of the products of the blocks. What is sensitive stays in single precision: the
  ///   ways in and out, the modulation, attention; and what is computed once, because nothing would be gained.
  /// - Throws: `CheckpointError` where a tensor is missing or has another shape than the configuration
  ///   says, or the configuration itself cannot be.
  public init(
    _ weights: Weights, _ configuration: TransformerConfiguration,
    precision: ProductPrecision = .float
  ) throws(CheckpointError) {
    let (width, heads) = (configuration.width, configuration.heads)
    guard heads > 0, width % heads == 0, configuration.headWidth % 2 == 0, width > 0 else {
      throw .invalidValue(
        file: weights.file, key: "heads",
        expected: "a divisor of the width \(width) that leaves heads of an even number of channels",
        found: "\(heads)")
    }
    self.configuration = configuration
    emptyVisual = try weights.vector("empty_clip_feat", [1, configuration.visualWidth])
    emptySync = try weights.vector("empty_sync_feat", [1, configuration.syncWidth])
    audioIn = try Conv1d(
      weights["audio_embedder.proj"], from: configuration.latentChannels, to: width, kernel: 1)
    visualIn = try GatedProjection(
      weights["visual_proj"], from: configuration.visualWidth, to: width)
    textIn = try TextProjection(weights["cond_in"], from: configuration.textWidth, to: width)
    timeIn = try TimeEmbedding(weights["time_in"], width: width)
    syncIn = try SyncProjection(weights["sync_in"], configuration)
    syncPositions = try weights.floats(
      "sync_pos_emb", [1, 1, TransformerConfiguration.syncSegment, configuration.syncWidth])
    var triple: [TripleBlock] = []
    for index in 0..<configuration.tripleBlocks {
      triple.append(try TripleBlock(weights["triple_blocks"][index], configuration, precision))
    }
    var single: [SingleBlock] = []
    for index in 0..<configuration.singleBlocks {
      single.append(try SingleBlock(weights["single_blocks"][index], configuration, precision))
    }
    tripleBlocks = triple
    singleBlocks = single
    output = try Linear(
      weights["final_layer.linear"], from: width, to: configuration.latentChannels)
    // The published final layer hands its modulation a condition of one dimension too many, drops what
    // comes back, and was trained so: these weights do nothing.
    weights.ignore(below: "final_layer.adaLN_modulation")
  }

  /// The empty visual feature for every token, [1, tokens, visualWidth].
  public func emptyVisual(tokens: Int) -> Tensor { repeated(emptyVisual, tokens) }

  /// The empty sync feature for every token, [1, tokens, syncWidth].
  public func emptySync(tokens: Int) -> Tensor { repeated(emptySync, tokens) }

  private func repeated(_ row: Tensor, _ count: Int) -> Tensor {
    let index = row.backend.rowIndex([Int](repeating: 0, count: count))
    return row.view.picking(rows: index).copied().reshaped([1, count, row.channels])
  }

  /// Computes once what does not depend on the diffusion time.
  ///
  /// - Parameters:
  ///   - text: [B, L, textWidth]. No state is masked, so pad only to the longest prompt.
  ///   - visual: [B, V, visualWidth], V at most `latents`.
  ///   - sync: [B, S, syncWidth], S a multiple of 8.
  ///   - latents: A, the audio tokens of each entry.
  public func conditions(
    text: Tensor, visual: Tensor, sync: Tensor, latents: Int, observe: Observer? = nil
  ) -> Conditions {
    let batch = text.shape[0]
    precondition(text.shape.rank == 3 && visual.shape.rank == 3 && sync.shape.rank == 3)
    precondition(visual.shape[0] == batch && sync.shape[0] == batch, "conditions: unequal batches")
    precondition(text.shape[1] > 0 && latents > 0 && (1...latents).contains(visual.shape[1]))
    precondition(
      sync.shape[1] > 0 && sync.shape[1] % TransformerConfiguration.syncSegment == 0,
      "\(sync.shape[1]) sync tokens are not whole segments")
    let backend = text.backend
    let positions = TokenPositions(
      audio: latents, visual: visual.shape[1], text: text.shape[1],
      headWidth: configuration.headWidth, on: backend)
    let textTokens = textIn(text)
    let visualTokens = visualIn(visual)
    let rows = SyncRows(
      sync.floats(), positions: syncPositions, batch: batch, tokens: sync.shape[1],
      width: configuration.syncWidth, latents: latents)
    let syncTokens = syncIn(backend.tensor(rows.rows, [rows.count, configuration.syncWidth]))
    observe?("cond_in", textTokens)
    observe?("visual_proj", visualTokens)
    observe?(
      "sync_in",
      syncTokens.view.picking(rows: backend.rowIndex(rows.rowOfToken)).copied()
        .reshaped(sync.shape.withChannels(configuration.width)))
    return Conditions(
      batch: batch, latents: latents, distinctSyncRows: rows.count, visual: visualTokens,
      text: tripleBlocks.map { $0.text(textTokens, positions) }, sync: syncTokens,
      syncIndex: backend.rowIndex(rows.rowOfLatent), positions: positions)
  }

  /// One pass: the network's answer for latents `x` [B, A, C] at a time in 0...1000 -> [B, A, C].
  public func callAsFunction(_ x: Tensor, time: Float, _ conditions: Conditions) -> Tensor {
    forward(x, time: time, conditions)
  }

  /// As `callAsFunction` with these conditions, for many passes.
  public func passes(
    _ conditions: Conditions
  ) -> @Sendable (_ x: Tensor, _ time: Float) -> Tensor {
    let pass = emptySync.backend.repeating { inputs in
      forward(inputs[0], at: TimeConditions(tensors: Array(inputs.dropFirst())), conditions)
    }
    return { x, time in pass([x] + times.conditions(time, timeConditions).tensors) }
  }

  /// As `callAsFunction`, telling an observer of intermediate results on the way.
  public func forward(
    _ x: Tensor, time: Float, _ conditions: Conditions, observe: Observer? = nil
  ) -> Tensor {
    forward(x, at: times.conditions(time, timeConditions), conditions, observe: observe)
  }

  private func forward(
    _ x: Tensor, at time: TimeConditions, _ conditions: Conditions, observe: Observer? = nil
  ) -> Tensor {
    precondition(
      x.shape == [conditions.batch, conditions.latents, configuration.latentChannels],
      "latents \(x.shape) for conditions of \(conditions.batch) times \(conditions.latents)")
    let syncOfLatents = conditions.sync.view.picking(rows: conditions.syncIndex)
    let embedded = audioIn(x)  // [B, A, D]
    observe?("vec", time.vector)
    observe?("audio_embedder", embedded)

    var (audio, visual) = (embedded + syncOfLatents, conditions.visual)
    for (index, block) in tripleBlocks.enumerated() {
      (audio, visual) = block(
        audio, visual, time.modulations(ofTriple: index), text: conditions.text[index],
        conditions.positions)
      observe?("triple_\(index).audio", audio)
      observe?("triple_\(index).v_cond", visual)
    }
    let condition = (conditions.sync + time.vector).silu()  // [U, D]
    for (index, block) in singleBlocks.enumerated() {
      audio = block(
        audio, condition: condition, syncIndex: conditions.syncIndex,
        rotary: conditions.positions.audio)
      observe?("single_\(index)", audio)
    }
    return output(audio.layerNorm(epsilon: 1e-6))
  }

  /// Computes what depends on the time alone.
  func timeConditions(_ time: Float) -> TimeConditions {
    let vector = timeIn(time)
    let active = vector.silu()
    return TimeConditions(vector: vector, triple: tripleBlocks.map { $0.modulations(active) })
  }
}
