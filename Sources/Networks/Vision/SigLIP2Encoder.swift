import Tensors

/// Encodes windows of pictures one after the other. A picture that is met again, be it a moment later or
/// where two windows overlap, is not computed again; a picture's vector depends on nothing but the picture.
public struct SigLIP2Encoder: Sendable {
  private let network: SigLIP2
  private let backend: any Backend
  /// What is remembered for the next window.
  public private(set) var memory: Memory
  /// Pictures computed so far.
  public private(set) var computed = 0

  /// What an encoder remembers without its network, which need not be in memory between two windows.
  public struct Memory: Sendable {
    /// Vectors [1, D] of the last window's pictures.
    fileprivate var known: [[UInt8]: Tensor] = [:]

    public init() {}
  }

  /// - Parameter memory: that of an encoder with the same weights which saw the window before.
  public init(_ network: SigLIP2, on backend: any Backend, continuing memory: Memory = Memory()) {
    self.network = network
    self.backend = backend
    self.memory = memory
  }

  /// - Parameters:
  ///   - pictures: levels [side, side, 3] of the network's size, at least one.
  ///   - progress: told how many pictures are done; false ends the work.
  /// - Returns: [1, pictures, D]; nil: ended.
  public mutating func callAsFunction(
    _ pictures: [[UInt8]], progress: (Int) -> Bool = { _ in true }
  ) -> Tensor? {
    precondition(!pictures.isEmpty, "no pictures")
    var seen: [[UInt8]: Tensor] = [:]
    var vectors: [View] = []
    for picture in pictures {
      let vector = seen[picture] ?? memory.known[picture] ?? encode(picture)
      seen[picture] = vector
      vectors.append(vector.view)
      guard progress(vectors.count) else { return nil }
    }
    memory.known = seen
    return concatenatedRows(vectors)
  }

  private mutating func encode(_ picture: [UInt8]) -> Tensor {
    computed += 1
    let side = network.configuration.imageSize
    return network(backend.upload(.normalizedPictures([picture], side: side)))
  }
}
