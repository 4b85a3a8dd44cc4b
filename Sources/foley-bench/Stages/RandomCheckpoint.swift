import CPUBackend
import Checkpoints
import FoleyKit
import Foundation
import Networks
import Tensors

/// A checkpoint of given shapes that is nowhere stored: every tensor is made up when it is read, quickly
/// enough for billions of weights, and differs from all others.
///
/// Matrices are normal with variance 1 / fan-in, norm weights lie near 1, biases near 0, so that activations
/// keep about unit scale through a deep network.
struct RandomCheckpoint: TensorSource {
  let file: String
  private let shapes: [String: Shape]
  private let dtype: DType
  private let seed: UInt64
  /// Normal numbers to draw from, a power of two of them.
  private let normal: [Float]

  /// - Parameter dtype: f32 or bf16.
  init(name: String, shapes: [String: Shape], dtype: DType, seed: UInt64 = 1) {
    precondition(dtype == .f32 || dtype == .bf16)
    file = name
    self.shapes = shapes
    self.dtype = dtype
    self.seed = seed
    normal = GaussianNoise(seed: seed).rows(0..<(1 << 14), channels: 4)
  }

  /// The tensors of a published network, as its initialiser names them.
  init(_ part: ModelPart, of networks: HunyuanNetworks, dtype: DType, seed: UInt64 = 1) throws {
    let audit = WeightsAudit(.names)
    try networks.read(part, Weights(PublishedShapes(), on: CPUBackend(threads: 1), audit: audit))
    self.init(
      name: "random weights of \(part.rawValue)",
      shapes: Dictionary(audit.reads.map { ($0.key, $0.shape) }) { $1 }, dtype: dtype, seed: seed)
  }

  var keys: [String] { shapes.keys.sorted() }
  func contains(_ key: String) -> Bool { shapes[key] != nil }

  /// The shape of a tensor there is.
  func shape(of key: String) -> Shape { shapes[key]! }

  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let shape = shapes[key] else { throw .missingKey(file: file, key: key) }
    let (centre, spread) = distribution(key, shape)
    let memory = HostMemory(size: shape.count * dtype.size)
    // FNV-1a of the key: the seeds of Swift's own hashes differ from run to run.
    let start = key.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    let table = normal.map { centre + spread * $0 }
    switch dtype {
    case .bf16:
      fill(memory, table.map { UInt16(truncatingIfNeeded: ($0.bitPattern &+ 0x8000) >> 16) }, start)
    default: fill(memory, table, start)
    }
    return HostTensor(
      shape: shape, dtype: dtype, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
  }

  private func distribution(_ key: String, _ shape: Shape) -> (centre: Float, spread: Float) {
    if key.contains("norm"), key.hasSuffix("weight"), shape.rank == 1 { return (1, 0.2) }
    if key.hasSuffix("bias") { return (0, 0.1) }
    if key.hasSuffix("weight"), shape.rank > 1 {
      return (0, 1 / Float(shape.count / shape[0]).squareRoot())
    }
    return (0, 0.5)
  }

  /// Four numbers from the table for each number of a SplitMix64 sequence.
  private func fill<Element: BitwiseCopyable>(
    _ memory: HostMemory, _ table: [Element], _ start: UInt64
  ) {
    let mask = UInt64(table.count - 1)
    let out = memory.bytes.bindMemory(to: Element.self)
    table.withUnsafeBufferPointer { table in
      var state = start
      var index = 0
      while index < out.count {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        bits ^= bits >> 31
        for place in index..<min(index + 4, out.count) {
          out[place] = table[Int(bits & mask)]
          bits >>= 16
        }
        index += 4
      }
    }
  }
}
