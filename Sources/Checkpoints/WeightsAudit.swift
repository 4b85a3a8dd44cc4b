import Foundation
import Synchronization
import Tensors

/// Lets a network be made of any file, and notes every tensor it asks for and all that is wrong with it: so
/// that the list of a network's tensors is its initialiser, and no second one.
///
///     let audit = WeightsAudit()
///     _ = try Network(Weights(source, on: backend, audit: audit))
///     print(audit.faults)
public final class WeightsAudit: Sendable {
  /// A tensor that a network reads.
  public struct Read: Sendable, Equatable {
    public let key: String
    public let shape: Shape
  }

  /// What to look at.
  public enum Depth: Sendable {
    /// Nothing: only what is asked for is noted.
    case names
    /// Keys and shapes.
    case shapes
    /// The values, too: are they finite numbers?
    case values
  }

  private struct Notes {
    var reads: [Read] = []
    var faults: [CheckpointError] = []
  }

  private let depth: Depth
  private let notes = Mutex(Notes())

  public init(_ depth: Depth = .values) { self.depth = depth }

  /// Every tensor that was asked for, in the order it was.
  public var reads: [Read] { notes.withLock { $0.reads } }

  /// Everything that was wrong, in the order it was found.
  public var faults: [CheckpointError] { notes.withLock { $0.faults } }

  /// Tensors of more elements are not kept: they are what makes networks large.
  private static let small = 1 << 16

  /// A tensor of the file after it was examined or, where it is large or cannot be used, zeros that take no
  /// memory.
  ///
  /// - Throws: `malformed` where the file's bytes cannot be had at all.
  func standIn(
    for key: String, _ shape: Shape, in source: any TensorSource
  ) throws(CheckpointError) -> HostTensor {
    let fault = depth == .names ? nil : try fault(key, shape, source)
    notes.withLock { notes in
      notes.reads.append(Read(key: key, shape: shape))
      if let fault { notes.faults.append(fault) }
    }
    if fault == nil, depth != .names, shape.count <= WeightsAudit.small {
      let stored = try source.tensor(key)
      if stored.dtype != .i8 { return stored }
    }
    return HostTensor(zeros: shape, dtype: .f32)
  }

  private func fault(
    _ key: String, _ shape: Shape, _ source: any TensorSource
  ) throws(CheckpointError) -> CheckpointError? {
    guard source.contains(key) else { return .missingKey(file: source.file, key: key) }
    let stored = try source.tensor(key)
    defer { stored.releasePages() }
    guard stored.shape == shape else {
      return .wrongShape(file: source.file, key: key, expected: shape, found: stored.shape)
    }
    switch stored.dtype {
    case .f32, .f16, .bf16, .f64: break
    case .i8 where source.contains(key + ".scale"): return nil
    default:
      return .wrongType(
        file: source.file, key: key, expected: "a floating-point type or scaled i8",
        found: stored.dtype.rawValue)
    }
    guard depth == .values else { return nil }
    let broken = stored.notFiniteCount
    return broken == 0
      ? nil
      : .invalidValue(
        file: source.file, key: key, expected: "finite numbers",
        found: "not a finite number in \(broken) of \(shape.count) places")
  }
}

extension HostTensor {
  /// Elements of a floating-point tensor that are infinite or not a number.
  fileprivate var notFiniteCount: Int {
    switch dtype {
    case .bf16: count(UInt16.self) { $0 & 0x7F80 == 0x7F80 }
    case .f16: count(UInt16.self) { $0 & 0x7C00 == 0x7C00 }
    case .f32: count(UInt32.self) { $0 & 0x7F80_0000 == 0x7F80_0000 }
    case .f64: count(UInt64.self) { $0 & 0x7FF0_0000_0000_0000 == 0x7FF0_0000_0000_0000 }
    default: 0
    }
  }

  private func count<Element: BitwiseCopyable>(
    _ type: Element.Type, _ isBroken: (Element) -> Bool
  ) -> Int {
    var count = 0
    for index in 0..<shape.count
    where isBroken(
      bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Element>.size, as: type))
    {
      count += 1
    }
    return count
  }
}
