import CUDAEmulation
import ReferenceBackend
import Tensors
import TestSupport

let reference = Reference()

/// How the elements of an operand are stored.
enum Storage: Int32, CaseIterable {
  case f32, bf16, f16, i8

  /// The nearest value that this storage holds.
  func rounded(_ x: Float) -> Float {
    switch self {
    case .f32: x
    case .bf16: Float(bitPattern: UInt32(Storage.bf16Bits(x)) << 16)
    case .f16: Float(Float16(x))
    case .i8: Float(Int8(max(-127, min(127, x.rounded()))))
    }
  }

  /// What the rounding of a result costs, relative.
  var tolerance: Float { self == .bf16 ? 3e-3 : 0 }

  static func bf16Bits(_ x: Float) -> UInt16 {
    let bits = x.bitPattern
    return x.isNaN ? 0x7FFF : UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}

/// Memory that kernels may touch, to the byte: what lies around it belongs to nobody.
final class EmulatedMemory {
  let base: UnsafeMutableRawPointer
  let size: Int
  private let block: UnsafeMutableRawPointer
  private static let margin = 1024

  init(size: Int) {
    block = .allocate(byteCount: size + 2 * EmulatedMemory.margin, alignment: 256)
    base = block + EmulatedMemory.margin
    self.size = size
    // Not a number in every float type: what is not written shows.
    base.initializeMemory(as: UInt8.self, repeating: 0xFF, count: size)
    foley_emulated_register(base, size)
  }

  deinit {
    foley_emulated_unregister(base)
    block.deallocate()
  }

  convenience init<Element: BitwiseCopyable>(_ elements: [Element]) {
    self.init(size: elements.count * MemoryLayout<Element>.size)
    elements.withUnsafeBytes { base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
  }

  /// Values that the storage can hold, see `Storage.rounded`.
  convenience init(_ values: [Float], _ storage: Storage) {
    switch storage {
    case .f32: self.init(values)
    case .bf16: self.init(values.map { Storage.bf16Bits($0) })
    case .f16: self.init(values.map { Float16($0).bitPattern })
    case .i8: self.init(values.map { Int8($0) })
    }
  }

  func floats(_ storage: Storage) -> [Float] {
    func read<Element: BitwiseCopyable>(_: Element.Type, _ convert: (Element) -> Float) -> [Float] {
      UnsafeRawBufferPointer(start: base, count: size).bindMemory(to: Element.self).map(convert)
    }
    switch storage {
    case .f32: return read(Float.self) { $0 }
    case .bf16: return read(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    case .f16: return read(UInt16.self) { Float(Float16(bitPattern: $0)) }
    case .i8: return read(Int8.self) { Float($0) }
    }
  }

  var vector: UnsafePointer<Float> { UnsafePointer(base.assumingMemoryBound(to: Float.self)) }
}

/// A matrix in emulated memory and the same one on the reference backend.
struct Operand {
  let memory: EmulatedMemory
  let tensor: Tensor
  let storage: Storage

  /// Noise; a new sequence for each seed.
  init(
    _ shape: Shape, _ storage: Storage = .f32, seed: Int = 1, scale: Float = 1, offset: Float = 0
  ) {
    self.init(noise(shape.count, seed: seed).map { $0 * scale + offset }, shape, storage)
  }

  init(_ values: [Float], _ shape: Shape, _ storage: Storage = .f32) {
    let values = values.map { storage.rounded($0) }
    memory = EmulatedMemory(values, storage)
    tensor = reference.tensor(values, shape)
    self.storage = storage
  }

  /// All of it as kernels see it, or some columns, or rows that an index picks.
  func view(columns: Range<Int>? = nil, index: EmulatedMemory? = nil) -> FoleyCudaView {
    let width = tensor.channels
    let first = (columns?.lowerBound ?? 0) * storage.size
    let single = tensor.rows == 1 && index == nil
    return FoleyCudaView(
      base: UnsafeRawPointer(memory.base + first),
      index: index.map { UnsafePointer($0.base.assumingMemoryBound(to: Int32.self)) },
      stride: single ? 0 : Int64(width), storage: storage.rawValue)
  }
}

extension Storage {
  var size: Int {
    switch self {
    case .f32: 4
    case .bf16, .f16: 2
    case .i8: 1
    }
  }
}

/// A row index in emulated memory and on the reference backend.
struct RowIndex {
  let memory: EmulatedMemory
  let tensor: Tensor

  init(_ rows: [Int]) {
    memory = EmulatedMemory(rows.map { Int32($0) })
    tensor = reference.rowIndex(rows)
  }
}
