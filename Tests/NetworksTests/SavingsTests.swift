import CPUBackend
import Checkpoints
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import Networks

/// What the transformer computes once instead of again and again changes nothing: each saving against the long
/// way round, and proof that it is one.
@Suite struct SavingsTests {
  private static let sizes = TransformerConfiguration.tiny
  private static let (batch, latents, pictures, texts) = (2, 20, 4, 3)

  private struct Subject {
    let backend: any Backend
    let network: DiffusionTransformer
    let conditions: Conditions
    let x: Tensor

    init(
      _ backend: any Backend, texts: Int = SavingsTests.texts, precision: ProductPrecision = .float
    ) throws {
      self.backend = backend
      let sizes = SavingsTests.sizes
      let source = RandomSource(shapes: sizes.shapes, seed: 7)
      network = try DiffusionTransformer(
        Weights(source, on: backend), sizes, precision: precision)
      func noise(_ seed: UInt64, _ shape: Shape) -> Tensor {
        backend.tensor(GaussianNoise(seed: seed).rows(0..<shape.count, channels: 1), shape)
      }
      let motion = noise(3, [1, 16, sizes.syncWidth])
      conditions = network.conditions(
        text: noise(1, [2, texts, sizes.textWidth]),
        visual: noise(2, [2, SavingsTests.pictures, sizes.visualWidth]),
        sync: concatenatedRows([network.emptySync(tokens: 16).view, motion.view])
          .reshaped([2, 16, sizes.syncWidth]),
        latents: SavingsTests.latents)
      x = noise(4, [2, SavingsTests.latents, sizes.latentChannels])
    }

    func answer(_ time: Float, _ conditions: Conditions? = nil) -> [Float] {
      network(x, time: time, conditions ?? self.conditions).floats()
    }
  }

  private static func backends() throws -> [any Backend] {
    [Reference(), try CPUBackend(threads: 1), try CPUBackend(threads: 2)]
  }

  /// Modulation once for each distinct sync row, against once for each token of each entry: the same bits.
  @Test func distinctSyncRows() throws {
    for backend in try Self.backends() {
      let subject = try Subject(backend)
      let (saved, tokens) = (subject.conditions, Self.batch * Self.latents)
      #expect(saved.distinctSyncRows == 8 + 16)
      let long = Conditions(
        batch: saved.batch, latents: saved.latents, distinctSyncRows: tokens, visual: saved.visual,
        text: saved.text, sync: saved.sync.view.picking(rows: saved.syncIndex).copied(),
        syncIndex: backend.rowIndex(Array(0..<tokens)), positions: saved.positions)
      #expect(subject.answer(400) == subject.answer(400, long), "\(backend.name)")
    }
  }

  @Test func distinctSyncRowsSaveWork() throws {
    let backend = try CPUBackend(threads: 1)
    let subject = try Subject(backend)
    let saved = subject.conditions
    let tokens = Self.batch * Self.latents
    let long = Conditions(
      batch: saved.batch, latents: saved.latents, distinctSyncRows: tokens, visual: saved.visual,
      text: saved.text, sync: saved.sync.view.picking(rows: saved.syncIndex).copied(),
      syncIndex: backend.rowIndex(Array(0..<tokens)), positions: saved.positions)
    let width = Self.sizes.width
    #expect(
      work(backend) { _ = subject.answer(1, long) } - work(backend) { _ = subject.answer(2) }
        == Self.sizes.singleBlocks * 2 * width * 6 * width * (tokens - saved.distinctSyncRows))
  }

  /// Text projections, keys and values once for a clip, against anew for each evaluation: the same bits.
  @Test func text() throws {
    for backend in try Self.backends() {
      let subject = try Subject(backend)
      for time: Float in [900, 500, 100] {
        let anew = try Subject(backend)
        #expect(subject.answer(time) == anew.answer(time), "\(backend.name)")
      }
    }
  }

  /// More text costs an evaluation nothing but the attention to it.
  @Test func textSavesWork() throws {
    let backend = try CPUBackend(threads: 1)
    let (short, long) = (try Subject(backend), try Subject(backend, texts: Self.texts + 5))
    let tokens = Self.batch * (Self.latents + Self.pictures)
    #expect(
      work(backend) { _ = long.answer(1) } - work(backend) { _ = short.answer(1) }
        == Self.sizes.tripleBlocks * 4 * tokens * 5 * Self.sizes.width)
  }

  /// What depends on the time alone is kept for the next window, against computed anew: the same bits, also when
  /// more times were asked for than are kept.
  @Test func keptTimes() throws {
    for backend in try Self.backends() {
      let subject = try Subject(backend)
      let first = subject.answer(700)
      for time in 0..<130 { _ = subject.network.timeConditions(Float(time)) }
      for time: Float in [300, 700, 300] { _ = subject.answer(time) }
      #expect(subject.answer(700) == first, "\(backend.name): kept")
      #expect(try Subject(backend).answer(700) == first, "\(backend.name): anew")
    }
    let cache = TimeCache()
    let network = try Subject(Reference()).network
    var computed: [Float] = []
    for time in (0..<200).map(Float.init) + [199, 150, 0] {
      let found = cache.conditions(time) { time in
        computed.append(time)
        return network.timeConditions(1)
      }
      #expect(found.tensors.count == 1 + 2 * Self.sizes.tripleBlocks)
    }
    #expect(computed == (0..<200).map(Float.init) + [0], "kept until there are too many")
  }

  @Test func keptTimesSaveWork() throws {
    let backend = try CPUBackend(threads: 1)
    let subject = try Subject(backend)
    let (first, again) = (
      work(backend) { _ = subject.answer(700) }, work(backend) { _ = subject.answer(700) }
    )
    let width = Self.sizes.width
    #expect(
      first - again
        == 2 * (TransformerConfiguration.timeChannels * width + width * width)
        + Self.sizes.tripleBlocks * 2 * 2 * width * 9 * width)
  }

  /// Modulation by time once for all tokens of all entries, against once for each: the same numbers; the fast
  /// kernels sum single rows in another order.
  @Test func oneTimeForAll() throws {
    for (backend, tolerance) in zip(try Self.backends(), [0, 1e-6, 1e-6]) {
      let subject = try Subject(backend)
      let block = try TripleBlock(
        Weights(RandomSource(shapes: Self.sizes.shapes, seed: 7), on: backend)["triple_blocks.0"],
        Self.sizes, .float)
      let active = subject.network.timeConditions(500).vector.silu()
      func repeated(_ rows: Int) -> Tensor {
        active.view.picking(rows: backend.rowIndex([Int](repeating: 0, count: rows))).copied()
      }
      let long = TripleBlock.Modulations(
        audio: block.modulations(repeated(Self.batch * Self.latents)).audio,
        visual: block.modulations(repeated(Self.batch * Self.pictures)).visual)
      let audio = backend.tensor(
        GaussianNoise(seed: 8).rows(0..<Self.batch * Self.latents, channels: Self.sizes.width),
        [Self.batch, Self.latents, Self.sizes.width])
      func run(_ modulations: TripleBlock.Modulations) -> [Float] {
        let (a, v) = block(
          audio, subject.conditions.visual, modulations, text: subject.conditions.text[0],
          subject.conditions.positions)
        return a.floats() + v.floats()
      }
      #expect(
        relativeError(run(block.modulations(active)), run(long)) <= tolerance, "\(backend.name)")
    }
  }

  /// In integers the network stays near itself, on every backend; rounding may flip where the kernels' last
  /// digits differ.
  @Test func integers() throws {
    let single = try Subject(Reference()).answer(500)
    let integers = try Subject(Reference(), precision: .int8).answer(500)
    let distance = relativeError(integers, single)
    #expect(distance > 1e-4 && distance < 0.05, "\(distance)")
    let variants = try Self.backends().dropFirst()
    let found = try variants.map { try Subject($0, precision: .int8).answer(500) }
    #expect(found[0] == found[1], "1 and 2 threads")
    #expect(relativeError(found[0], integers) < 5e-3)
  }

  private func work(_ backend: CPUBackend, _ body: () -> Void) -> Int {
    let before = backend.work.total
    body()
    return (backend.work.total - before).float
  }
}
