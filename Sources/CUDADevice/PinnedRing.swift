import CCuda
import Synchronization

/// Pieces of pinned host memory, through which copies between the host and a GPU go at the full rate, one piece
/// being filled while another is on its way. Calls may come from several threads, one after the other is served.
public final class PinnedRing: Sendable {
  public let context: CUDAContext
  public let pieceBytes: Int
  private let ring: Mutex<Ring>

  /// - Parameters:
  ///   - pieces: at least 2.
  ///   - pieceBytes: of each.
  public init(
    _ context: CUDAContext, pieces: Int = 4, pieceBytes: Int = 4 << 20
  ) throws(CUDAError) {
    precondition(pieces >= 2 && pieceBytes > 0)
    var made: [Piece] = []
    for _ in 0..<pieces { made.append(try Piece(context, pieceBytes)) }
    self.context = context
    self.pieceBytes = pieceBytes
    ring = Mutex(Ring(pieces: made))
  }

  /// Copies host memory, which may be changed or gone as soon as this returns.
  ///
  /// Not during a capture: it waits.
  public func upload(
    _ bytes: UnsafeRawBufferPointer, to address: UInt64, on stream: CUDAStream
  ) throws(CUDAError) {
    try ring.withLock { ring throws(CUDAError) in
      for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
        let piece = ring.next()
        try piece.wait()
        let part = UnsafeRawBufferPointer(
          rebasing: bytes[start..<min(bytes.count, start + pieceBytes)])
        piece.bytes.copyMemory(from: part)
        try piece.use(on: stream) { () throws(CUDAError) in
          let staged = UnsafeRawBufferPointer(rebasing: piece.bytes[..<part.count])
          try stream.copy(staged, to: address + UInt64(start))
        }
      }
    }
  }

  /// Copies to host memory, which holds the bytes when this returns. Waits for the stream's work until here.
  public func download(
    _ address: UInt64, to bytes: UnsafeMutableRawBufferPointer, on stream: CUDAStream
  ) throws(CUDAError) {
    try ring.withLock { ring throws(CUDAError) in
      var pending: [(piece: Piece, part: UnsafeMutableRawBufferPointer)] = []
      func finishFirst() throws(CUDAError) {
        let (piece, part) = pending.removeFirst()
        try piece.wait()
        part.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece.bytes[..<part.count]))
      }
      for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
        if pending.count == ring.pieces.count { try finishFirst() }
        let piece = ring.next()
        try piece.wait()
        let part = UnsafeMutableRawBufferPointer(
          rebasing: bytes[start..<min(bytes.count, start + pieceBytes)])
        try piece.use(on: stream) { () throws(CUDAError) in
          let staged = UnsafeMutableRawBufferPointer(rebasing: piece.bytes[..<part.count])
          try stream.copy(address + UInt64(start), to: staged)
        }
        pending.append((piece, part))
      }
      while !pending.isEmpty { try finishFirst() }
    }
  }

  private struct Ring {
    let pieces: [Piece]
    private var place = 0

    init(pieces: [Piece]) { self.pieces = pieces }

    mutating func next() -> Piece {
      defer { place = (place + 1) % pieces.count }
      return pieces[place]
    }
  }

  /// One piece, and the copy it was used for last. Used under the ring's lock alone.
  private final class Piece: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    private let done: CUDAEvent
    private let context: CUDAContext
    private var isBusy = false

    init(_ context: CUDAContext, _ size: Int) throws(CUDAError) {
      done = try CUDAEvent(context)
      var base: UnsafeMutableRawPointer?
      do throws(CUDAError) {
        try context.call("cuMemHostAlloc") {
          $0.memHostAlloc(&base, size, UInt32(FoleyCudaHostPortable))
        }
      } catch .failed(let failure) where failure.code == FoleyCudaOutOfMemory {
        throw .outOfHostMemory(wanted: size)
      }
      bytes = UnsafeMutableRawBufferPointer(start: base, count: size)
      self.context = context
    }

    deinit {
      // A copy that is under way must not lose its memory.
      if isBusy { context.release { $0.eventSynchronize(done.handle) } }
      context.release { $0.memFreeHost(bytes.baseAddress) }
    }

    func wait() throws(CUDAError) {
      guard isBusy else { return }
      try done.synchronize()
      isBusy = false
    }

    func use(on stream: CUDAStream, _ copy: () throws(CUDAError) -> Void) throws(CUDAError) {
      try copy()
      do throws(CUDAError) {
        try done.record(on: stream)
        isBusy = true
      } catch {
        // Nothing tells when the copy will be done: so it is waited for.
        stream.context.release { $0.streamSynchronize(stream.handle) }
        throw error
      }
    }
  }
}
