import Tensors

/// Encodes windows of frames one after the other. Segments that show the same pictures as one met before,
/// in this window or in the last, are not computed again, nor are pairs that two segments share; both
/// depend on nothing but their pictures.
public struct SynchformerEncoder: Sendable {
  private let network: Synchformer
  private let backend: any Backend
  /// What is remembered for the next window.
  public private(set) var memory: Memory
  /// Segments computed so far.
  public private(set) var computed = 0

  /// What an encoder remembers without its network, which need not be in memory between two windows.
  public struct Memory: Sendable {
    /// Numbers of the last window's pictures: equal numbers, equal pictures.
    fileprivate var numbers: [[UInt8]: Int] = [:]
    fileprivate var nextNumber = 0
    /// Tokens [F, D] of the last window's segments, by the numbers of their pictures.
    fileprivate var known: [[Int]: Tensor] = [:]

    public init() {}
  }

  /// - Parameter memory: that of an encoder with the same weights which saw the window before.
  public init(
    _ network: Synchformer, on backend: any Backend, continuing memory: Memory = Memory()
  ) {
    self.network = network
    self.backend = backend
    self.memory = memory
  }

  /// - Parameters:
  ///   - frames: the window's pictures, `Synchformer.rate` for each second, levels [side, side, 3]; at least
  ///     one. The last one stands for what a single segment lacks; what is left over after the last
  ///     whole segment is not seen.
  ///   - progress: told how many segments are done, of how many; false ends the work.
  /// - Returns: [1, segments · F, D]; nil: ended.
  public mutating func callAsFunction(
    _ frames: [[UInt8]], progress: (_ done: Int, _ of: Int) -> Bool = { _, _ in true }
  ) -> Tensor? {
    precondition(!frames.isEmpty, "no frames")
    let length = network.segmentFrames
    let missing = max(0, length - frames.count)
    let frames = frames + Array(repeating: frames[frames.count - 1], count: missing)
    let numbers = number(frames)
    let starts = Array(stride(from: 0, through: frames.count - length, by: network.segmentStep))

    var segments: [[Int]: Tensor] = [:]
    var pairs: [[Int]: Tensor] = [:]
    var tokens: [View] = []
    for start in starts {
      let shown = Array(numbers[start..<start + length])
      if segments[shown] == nil {
        segments[shown] = memory.known[shown] ?? encode(start, frames, shown, pairs: &pairs)
      }
      tokens.append(segments[shown]!.view)
      guard progress(tokens.count, starts.count) else { return nil }
    }
    memory.known = segments
    return concatenatedRows(tokens)
  }

  /// The number of each picture. Pictures that are not of this window are forgotten.
  private mutating func number(_ frames: [[UInt8]]) -> [Int] {
    var current: [[UInt8]: Int] = [:]
    let result = frames.map { frame in
      if let number = current[frame] { return number }
      let number = memory.numbers[frame] ?? memory.nextNumber
      if number == memory.nextNumber { memory.nextNumber += 1 }
      current[frame] = number
      return number
    }
    memory.numbers = current
    return result
  }

  /// - Parameters:
  ///   - shown: the numbers of the segment's pictures.
  ///   - pairs: embedded pairs [1, P, D] of the segment before; afterwards of this one.
  private mutating func encode(
    _ start: Int, _ frames: [[UInt8]], _ shown: [Int], pairs: inout [[Int]: Tensor]
  ) -> Tensor {
    computed += 1
    var own: [[Int]: Tensor] = [:]
    let embedded = stride(from: 0, to: shown.count, by: 2).map { place in
      let pair = Array(shown[place...place + 1])
      let tokens =
        own[pair] ?? pairs[pair]
        ?? network.embed(
          backend.upload(
            .normalizedPairs(
              Array(frames[start + place...start + place + 1]), side: network.side)))
      own[pair] = tokens
      return tokens.view
    }
    pairs = own
    return network(concatenatedRows(embedded)).reshaped([network.pairs, network.width])
  }
}
