import Tensors

/// Latents in, samples out, as early as they are final.
///
/// Every convolution keeps the rows that its windows to come need, so nothing is computed twice and
/// nothing is cut off at seams. Latents are worked on in blocks that begin at fixed places: the samples
/// are the same bits however the latents were cut into pieces.
public struct DACStream: Sendable {
  private let decoder: DACDecoder
  private var position: DACPosition

  init(_ decoder: DACDecoder, block: Int) {
    self.decoder = decoder
    position = DACPosition(in: decoder, block: block)
  }

  /// Takes more latents, [rows, latentDim] row-major, and gives the samples that are certain by now.
  public mutating func decode(_ latents: [Float]) -> [Float] {
    position.decode(latents, with: decoder)
  }

  /// The rest, once no more latents come. The stream is then used up.
  public mutating func finish() -> [Float] { position.finish(with: decoder) }
}

/// How far a stream has come, without the decoder: its weights need not be in memory between two pieces.
public struct DACPosition: Sendable {
  private let block: Int
  /// Latents that are not decoded yet, row-major.
  private var waiting: [Float] = []
  private var entry: SlidingRows
  private var stages: [StageState]
  private var exit: SlidingRows

  /// The start of a stream, for this decoder or one made of the same file.
  ///
  /// - Parameter block: as in `DACDecoder.stream`.
  public init(in decoder: DACDecoder, block: Int = DACDecoder.usualBlock) {
    precondition(block > 0, "blocks of \(block) latents")
    self.block = block
    let (backend, configuration) = (decoder.backend, decoder.configuration)
    entry = SlidingRows(
      decoder.entry.window, channels: configuration.latentDim, on: backend)
    stages = zip(decoder.stages, configuration.decoderWidths).map {
      StageState($0, channels: $1, on: backend)
    }
    exit = SlidingRows(
      decoder.exit.window, channels: configuration.lastDecoderWidth, on: backend)
  }

  /// Takes more latents, [rows, latentDim] row-major, and gives the samples that are certain by now.
  public mutating func decode(_ latents: [Float], with decoder: DACDecoder) -> [Float] {
    let width = decoder.configuration.latentDim
    precondition(latents.count % width == 0, "\(latents.count) values in latents of \(width)")
    waiting += latents
    var samples: [Float] = []
    var begin = 0
    // One latent stays, so that the last block is never empty.
    while waiting.count - begin > block * width {
      samples += advance(
        Array(waiting[begin..<begin + block * width]), last: false, decoder)
      begin += block * width
    }
    waiting.removeFirst(begin)
    return samples
  }

  /// The rest, once no more latents come. The stream is then used up.
  public mutating func finish(with decoder: DACDecoder) -> [Float] {
    let latents = waiting
    waiting = []
    return latents.isEmpty ? [] : advance(latents, last: true, decoder)
  }

  private mutating func advance(
    _ latents: [Float], last: Bool, _ decoder: DACDecoder
  ) -> [Float] {
    let width = decoder.configuration.latentDim
    let z = decoder.backend.tensor(latents, [latents.count / width, width])
    var samples: [Float] = []
    guard let rows = entry.push(decoder.projection(z), last: last) else { return samples }
    let x = decoder.entry(rows, Epilogue(snake: decoder.snakes[0]))
    climb(x, stage: 0, last: last, decoder, into: &samples)
    return samples
  }

  /// Takes the input of a stage, snaked, through this stage and all that follow, in pieces that shrink as
  /// the rate grows: what one layer writes is still in the cache when the next one reads it.
  private mutating func climb(
    _ x: Tensor, stage: Int, last: Bool, _ decoder: DACDecoder, into samples: inout [Float]
  ) {
    guard stage < stages.count else {
      guard let rows = exit.push(x, last: last) else { return }
      samples += decoder.exit(rows, Epilogue(.tanh)).floats()
      return
    }
    let rows = x.shape[0]
    let pieces = max(1, (rows + stages[stage].rowsAtOnce - 1) / stages[stage].rowsAtOnce)
    for piece in 0..<pieces {
      let part = x[rows * piece / pieces..<rows * (piece + 1) / pieces]
      let ends = last && piece == pieces - 1
      let next = decoder.snakes[stage + 1]
      guard
        let y = stages[stage].push(part, through: decoder.stages[stage], last: ends, then: next)
      else { continue }
      climb(y, stage: stage + 1, last: ends, decoder, into: &samples)
    }
  }
}

/// A stage of a decoder in the midst of a stream.
struct StageState: Sendable {
  private var upsampling: SlidingRows
  private var units: [SlidingRows]
  private var begun = false
  /// Rows of input that are best taken together.
  let rowsAtOnce: Int

  /// Rows of a product below which turning its weights around costs too much, and elements of a
  /// tensor above which it leaves the second-level cache. Measured.
  private static let fewestRows = 1024
  private static let mostElements = 1 << 18

  /// - Parameter channels: of the input; the output has half of them.
  init(_ stage: DACDecoder.Stage, channels: Int, on backend: any Backend) {
    upsampling = SlidingRows(DACUpsampling.window, channels: channels, on: backend)
    units = stage.units.map { SlidingRows($0.window, channels: channels / 2, on: backend) }
    let rows = max(StageState.fewestRows, StageState.mostElements / max(1, channels / 2))
    rowsAtOnce = max(1, rows / stage.upsampling.rate)
  }

  /// The next rows, snaked, [T, C] -> the rows that are final by now, about [rate · T, C / 2], snaked as
  /// `next` says; nil where there are none.
  mutating func push(
    _ x: Tensor, through stage: DACDecoder.Stage, last: Bool, then next: SnakeParameters?
  ) -> Tensor? {
    guard let pairs = upsampling.push(x, last: last) else { return nil }
    var y = stage.upsampling(pairs)
    let lead = begun ? 0 : stage.upsampling.lead
    y = y[lead..<y.shape[0] - (last ? stage.upsampling.excess : 0)]
    begun = true
    for (index, unit) in stage.units.enumerated() {
      guard let rows = units[index].push(y, last: last) else { return nil }
      y = unit(rows, then: index == stage.units.count - 1 ? next : nil)
    }
    return y
  }
}
