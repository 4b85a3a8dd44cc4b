import CCuda
import Synchronization

/// Memory of one GPU for the work of one stream.
///
/// A block that is given back serves the next call that asks for its size, at once, although work that uses it may
/// still be under way: the stream does one after the other. So a block may be used on this stream alone, or on
/// another one that this stream waits for before the block is given back.
///
/// During a capture (`CUDAGraph`) the thread that captures gets another stream, and blocks from memory that the
/// graph keeps, for it uses the same addresses whenever it runs. All other threads go on as before.
public final class DevicePool: Sendable {
  /// How long a block is kept by whoever takes it.
  public enum Use: Sendable {
    /// Results of operations: sizes are rounded up, so that almost equal ones share blocks.
    case passing
    /// Weights: exact to 512 bytes.
    case lasting
  }

  /// Bytes of memory.
  public struct Figures: Sendable, Equatable {
    /// In blocks that are taken.
    public var taken = 0
    /// In blocks kept for the next ones.
    public var kept = 0
    /// The most that were taken and kept together.
    public var peak = 0
    /// Of the driver's allocations, how many there were.
    public var allocations = 0

    public var held: Int { taken + kept }
  }

  /// Where work is put that uses the blocks.
  public var stream: CUDAStream { capture?.stream ?? mainStream }
  /// Bytes held at most.
  public let limit: Int?

  private struct State {
    var figures = Figures()
    var shelf = Shelf()
  }
  private let state = Mutex(State())
  /// Where work is done, that of graphs among it.
  let mainStream: CUDAStream
  /// The capture of this thread, of this pool or another one.
  @TaskLocal private static var capture: Capture?

  /// - Parameter limit: bytes held at most; nil: whatever the GPU has.
  public init(_ stream: CUDAStream, limit: Int? = nil) {
    mainStream = stream
    self.limit = limit
  }

  deinit { trim() }

  /// Whether this thread captures a graph.
  public var isCapturing: Bool { capture != nil }

  public var figures: Figures { state.withLock { $0.figures } }

  /// At least so many bytes, aligned to 256, contents undefined.
  ///
  /// - Throws: `outOfMemory` or `overLimit`, once everything that is kept was given back in vain.
  public func take(_ bytes: Int, _ use: Use = .passing) throws(CUDAError) -> DeviceBlock {
    let capacity = DevicePool.capacity(bytes, use)
    let arena = capture?.arena
    let kept = state.withLock { state -> FoleyCudaAddress? in
      let kept = arena?.take(capacity) ?? state.shelf.take(capacity)
      if kept != nil {
        state.figures.kept -= capacity
        state.figures.taken += capacity
      }
      return kept
    }
    let address = if let kept { kept } else { try allocate(capacity) }
    return DeviceBlock(self, address, size: bytes, capacity: capacity, arena: arena)
  }

  /// Gives everything that is kept back to the driver, after the work that uses it. What a graph keeps stays.
  public func trim() {
    let shelf = state.withLock { state in
      let shelf = state.shelf
      state.shelf = Shelf()
      state.figures.kept -= shelf.bytes
      return shelf
    }
    guard shelf.bytes > 0 else { return }
    // What a failure of earlier work leaves may be freed, too.
    mainStream.context.release { $0.streamSynchronize(mainStream.handle) }
    shelf.addresses { mainStream.context.free($0) }
  }

  /// `size` rounded up to 512, and results to eight steps per doubling.
  static func capacity(_ size: Int, _ use: Use) -> Int {
    precondition(size >= 0)
    var step = 512
    if use == .passing && size > 4096 {
      step = 1 << (Int.bitWidth - 1 - (size - 1).leadingZeroBitCount - 3)
    }
    return (max(size, 1) + step - 1) / step * step
  }

  // MARK: From the driver

  private func allocate(_ capacity: Int) throws(CUDAError) -> FoleyCudaAddress {
    if !reserve(capacity) {
      trim()
      if !reserve(capacity) {
        throw .overLimit(wanted: capacity, used: figures.held, limit: limit ?? 0)
      }
    }
    do throws(CUDAError) {
      if let address = try mainStream.context.allocate(capacity) { return address }
      trim()
      if let address = try mainStream.context.allocate(capacity) { return address }
      let memory = try mainStream.context.memory()
      throw .outOfMemory(wanted: capacity, free: memory.free, total: memory.total)
    } catch {
      state.withLock { $0.figures.taken -= capacity }
      throw error
    }
  }

  /// Counts bytes as taken, where the limit allows them.
  private func reserve(_ capacity: Int) -> Bool {
    state.withLock { state in
      if let limit, state.figures.held + capacity > limit { return false }
      state.figures.taken += capacity
      state.figures.allocations += 1
      state.figures.peak = max(state.figures.peak, state.figures.held)
      return true
    }
  }

  // MARK: Back from users

  fileprivate func giveBack(_ address: FoleyCudaAddress, _ capacity: Int, _ arena: Arena?) {
    let capturing = capture?.arena
    state.withLock { state in
      state.figures.taken -= capacity
      state.figures.kept += capacity
      if let arena {
        arena.put(address, capacity)
      } else if let arena = capturing {
        // The graph may read it whenever it runs.
        arena.set(aside: address, capacity)
      } else {
        state.shelf.put(address, capacity)
      }
    }
  }

  /// Blocks of a graph that is gone.
  fileprivate func adopt(_ shelves: [Shelf]) {
    state.withLock { state in
      for shelf in shelves { shelf.each { state.shelf.put($0, $1) } }
    }
  }

  // MARK: Captures

  /// A graph that this thread captures.
  private struct Capture: Sendable {
    let pool: DevicePool
    let stream: CUDAStream
    let arena: Arena
  }

  /// Of this pool.
  private var capture: Capture? {
    DevicePool.capture.flatMap { $0.pool === self ? $0 : nil }
  }

  /// Calls `body`, whose work goes to `stream` and whose blocks come from an arena of their own, which is returned.
  func capturing(
    on stream: CUDAStream, _ body: () throws(CUDAError) -> Void
  ) throws(CUDAError) -> Arena {
    precondition(capture == nil, "a capture within a capture")
    let arena = Arena(self)
    var failed: CUDAError?
    DevicePool.$capture.withValue(Capture(pool: self, stream: stream, arena: arena)) {
      do throws(CUDAError) { try body() } catch { failed = error }
    }
    if let failed { throw failed }
    return arena
  }

  /// Blocks that no one uses, by size.
  struct Shelf: Sendable {
    private var blocks: [Int: [FoleyCudaAddress]] = [:]
    private(set) var bytes = 0

    mutating func take(_ capacity: Int) -> FoleyCudaAddress? {
      guard let address = blocks[capacity]?.popLast() else { return nil }
      bytes -= capacity
      return address
    }

    mutating func put(_ address: FoleyCudaAddress, _ capacity: Int) {
      blocks[capacity, default: []].append(address)
      bytes += capacity
    }

    func each(_ body: (FoleyCudaAddress, Int) -> Void) {
      for (capacity, addresses) in blocks { for address in addresses { body(address, capacity) } }
    }

    func addresses(_ body: (FoleyCudaAddress) -> Void) { each { address, _ in body(address) } }
  }

  /// The memory a graph works in: gone back to the pool when the graph and all blocks of it are.
  final class Arena: Sendable {
    private let pool: DevicePool
    private let shelf = Mutex(Shelf())
    /// Not for taking.
    private let aside = Mutex(Shelf())

    init(_ pool: DevicePool) { self.pool = pool }

    deinit { pool.adopt([shelf.withLock { $0 }, aside.withLock { $0 }]) }

    func take(_ capacity: Int) -> FoleyCudaAddress? { shelf.withLock { $0.take(capacity) } }

    func put(_ address: FoleyCudaAddress, _ capacity: Int) {
      shelf.withLock { $0.put(address, capacity) }
    }

    func set(aside address: FoleyCudaAddress, _ capacity: Int) {
      aside.withLock { $0.put(address, capacity) }
    }
  }
}

/// Memory on a GPU; its pool has it back when the last reference is gone.
public final class DeviceBlock: Sendable {
  public let address: UInt64
  /// As asked for.
  public let size: Int
  public let pool: DevicePool
  private let capacity: Int
  private let arena: DevicePool.Arena?

  fileprivate init(
    _ pool: DevicePool, _ address: UInt64, size: Int, capacity: Int, arena: DevicePool.Arena?
  ) {
    self.pool = pool
    self.address = address
    self.size = size
    self.capacity = capacity
    self.arena = arena
  }

  deinit { pool.giveBack(address, capacity, arena) }
}
