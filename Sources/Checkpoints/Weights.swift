import Synchronization
import Tensors

/// A cursor into a checkpoint that descends key by key: `weights["blocks"][3]["linear"]`.
///
/// Layers read their tensors through it when they are made, naming the shape they need, so a
/// constructed layer is a loaded layer. Every read is remembered; `checkAllRead` reports what nobody
/// wanted. A matrix stored as i8 brings the factors of its rows from the tensor `<key>.scale`.
public struct Weights: Sendable {
  public let backend: any Backend
  private let source: any TensorSource
  private let unread: UnreadKeys
  private let audit: WeightsAudit?
  private let prefix: String

  /// - Parameter audit: notes what is read and what is wrong with it. Layers then get zeros of the shapes
  ///   they ask for, whatever the file holds.
  public init(
    _ source: any TensorSource, on backend: any Backend, audit: WeightsAudit? = nil
  ) {
    self.init(
      backend: backend, source: source, unread: UnreadKeys(source.keys), audit: audit, prefix: "")
  }

  private init(
    backend: any Backend, source: any TensorSource, unread: UnreadKeys, audit: WeightsAudit?,
    prefix: String
  ) {
    self.backend = backend
    self.source = source
    self.unread = unread
    self.audit = audit
    self.prefix = prefix
  }

  public var file: String { source.file }

  /// The cursor below `name`; `name` may hold several parts, `attention.self`.
  public subscript(name: String) -> Weights {
    Weights(
      backend: backend, source: source, unread: unread, audit: audit,
      prefix: prefix.isEmpty ? name : prefix + "." + name)
  }

  public subscript(index: Int) -> Weights { self[String(index)] }

  /// The full key of `name` at this place.
  public func key(_ name: String) -> String { prefix.isEmpty ? name : prefix + "." + name }

  public func contains(_ name: String) -> Bool { source.contains(key(name)) }

  /// Whether layers get zeros in place of the file's values, which spares them work on these.
  public var isAudited: Bool { audit != nil }

  // MARK: Reading

  /// Stored elements with their row scales, shape checked.
  public func host(_ name: String, _ shape: Shape) throws(CheckpointError) -> HostTensor {
    if let audit {
      unread.remove(key(name))
      unread.remove(key(name) + ".scale")
      return try audit.standIn(for: key(name), shape, in: source)
    }
    let stored = try host(name)
    guard stored.shape == shape else {
      throw .wrongShape(file: file, key: key(name), expected: shape, found: stored.shape)
    }
    return stored
  }

  /// Stored elements of whatever shape.
  public func host(_ name: String) throws(CheckpointError) -> HostTensor {
    let key = key(name)
    let stored = try source.tensor(key)
    unread.remove(key)
    let scaleKey = key + ".scale"
    guard stored.dtype == .i8 else { return stored }
    let scales = try source.tensor(scaleKey)
    unread.remove(scaleKey)
    let rows = stored.shape.rank == 0 ? 1 : stored.shape[0]
    guard scales.dtype == .f32 else {
      throw .wrongType(file: file, key: scaleKey, expected: "f32", found: scales.dtype.rawValue)
    }
    guard scales.shape == [rows] else {
      throw .wrongShape(file: file, key: scaleKey, expected: [rows], found: scales.shape)
    }
    return HostTensor(
      shape: stored.shape, dtype: .i8, bytes: stored.bytes, owner: stored.owner,
      rowScales: scales.floats())
  }

  /// A matrix (or a stack of them) on the backend, in its stored type or as products of a precision want
  /// it.
  public func tensor(
    _ name: String, _ shape: Shape, for precision: ProductPrecision = .float
  ) throws(CheckpointError) -> Tensor {
    let stored = try floating(name, try host(name, shape))
    let tensor = precision.prepared(backend.upload(stored))
    if precision != .float { stored.releasePages() }
    return tensor
  }

  /// A small tensor on the backend as f32: biases, norm weights, tables to be added.
  public func vector(_ name: String, _ shape: Shape) throws(CheckpointError) -> Tensor {
    backend.upload(try floating(name, try host(name, shape)).widened())
  }

  /// f32 values in host memory.
  public func floats(_ name: String, _ shape: Shape) throws(CheckpointError) -> [Float] {
    let stored = try floating(name, try host(name, shape))
    defer { stored.releasePages() }
    return stored.floats()
  }

  private func floating(_ name: String, _ host: HostTensor) throws(CheckpointError) -> HostTensor {
    switch host.dtype {
    case .f32, .f16, .bf16, .f64: return host.dtype == .f64 ? host.widened() : host
    case .i8 where host.rowScales != nil: return host
    default:
      throw .wrongType(
        file: file, key: key(name), expected: "a floating-point type or scaled i8",
        found: host.dtype.rawValue)
    }
  }

  // MARK: Keys nobody read

  /// Declares keys as known and not needed, so that `checkAllRead` passes over them.
  public func ignore(_ names: String...) {
    for name in names { unread.remove(key(name)) }
  }

  /// Declares everything below a prefix as known and not needed.
  public func ignore(below name: String) { unread.remove(below: key(name) + ".") }

  public var unreadKeys: [String] { unread.sorted }

  /// Throws `unreadKeys` when the file holds tensors no layer has read or ignored.
  public func checkAllRead() throws(CheckpointError) {
    let keys = unreadKeys
    if !keys.isEmpty { throw .unreadKeys(file: file, keys: keys) }
  }
}

/// The keys of one file that nobody has asked for yet, shared by all cursors into it.
private final class UnreadKeys: Sendable {
  private let keys: Mutex<Set<String>>

  init(_ keys: [String]) { self.keys = Mutex(Set(keys)) }

  func remove(_ key: String) { _ = keys.withLock { $0.remove(key) } }
  func remove(below prefix: String) {
    keys.withLock { keys in keys = keys.filter { !$0.hasPrefix(prefix) } }
  }
  var sorted: [String] { keys.withLock { $0.sorted() } }
}
