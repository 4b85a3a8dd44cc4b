import Checkpoints
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@Suite struct WeightsAuditTests {
  private static func f32(_ values: [Float], _ shape: Shape) -> HostTensor {
    HostTensor(copying: values, shape: shape, dtype: .f32)
  }

  private func audit(
    _ contents: [String: HostTensor], _ depth: WeightsAudit.Depth = .values
  ) -> (Weights, WeightsAudit) {
    let audit = WeightsAudit(depth)
    let source = RandomSource(shapes: [:], seed: 0).replacing(contents)
    return (Weights(source, on: Reference(), audit: audit), audit)
  }

  /// A network is made whatever is wrong, and everything that is wrong is told.
  @Test func allFaultsAreFound() throws {
    let (weights, audit) = audit([
      "good": Self.f32([1, 2], [2]), "turned": Self.f32([1, 2, 3, 4, 5, 6], [3, 2]),
      "broken": Self.f32([1, .nan, .infinity, 2], [4]),
      "whole": HostTensor(copying: [1, 2] as [Int64], shape: [2], dtype: .i64),
      "half": HostTensor(copying: [0x3F80, 0x7F80] as [UInt16], shape: [2], dtype: .bf16),
      "unknown": Self.f32([1], [1]),
    ])
    #expect(try weights.vector("good", [2]).floats() == [1, 2], "what is right is given")
    #expect(try weights.tensor("turned", [2, 3]).shape == [2, 3])
    #expect(try weights.floats("broken", [4]) == [0, 0, 0, 0])
    _ = try weights.vector("whole", [2])
    _ = try weights.vector("half", [2])
    #expect(try weights.host("missing", [5, 7]).floats() == [Float](repeating: 0, count: 35))
    let file = weights.file
    #expect(
      audit.faults == [
        .wrongShape(file: file, key: "turned", expected: [2, 3], found: [3, 2]),
        .invalidValue(
          file: file, key: "broken", expected: "finite numbers",
          found: "not a finite number in 2 of 4 places"),
        .wrongType(
          file: file, key: "whole", expected: "a floating-point type or scaled i8", found: "i64"),
        .invalidValue(
          file: file, key: "half", expected: "finite numbers",
          found: "not a finite number in 1 of 2 places"),
        .missingKey(file: file, key: "missing"),
      ])
    #expect(
      audit.reads.map(\.key) == ["good", "turned", "broken", "whole", "half", "missing"])
    #expect(weights.unreadKeys == ["unknown"])
  }

  @Test func shapesAloneLeaveValuesAlone() throws {
    let (weights, audit) = audit(["broken": Self.f32([.nan], [1])], .shapes)
    _ = try weights.vector("broken", [1])
    #expect(audit.faults.isEmpty)
  }

  @Test func namesNeedNoFile() throws {
    let (weights, audit) = audit([:], .names)
    _ = try weights["a"][3].tensor("weight", [2, 3])
    #expect(audit.reads.map(\.key) == ["a.3.weight"])
    #expect(audit.reads.map(\.shape) == [[2, 3]])
    #expect(audit.faults.isEmpty)
  }
}

@Suite struct StandInTests {
  /// Terabytes of zeros pass through every rearrangement.
  @Test func zerosTakeNoMemory() {
    let huge = HostTensor(zeros: [1 << 20, 1 << 10, 1 << 8], dtype: .f32)
    let turned = huge.permuted([2, 0, 1]).narrowed()
    #expect(turned.shape == [1 << 8, 1 << 20, 1 << 10] && turned.dtype == .bf16)
    let joined = HostTensor.joiningRows([turned.pickingRows([3, 1]), turned])
    #expect(joined.shape[0] == 258)
    withExtendedLifetime(joined) {
      #expect(joined.bytes.load(fromByteOffset: joined.bytes.count - 2, as: UInt16.self) == 0)
    }
  }
}

@Suite struct ConvertedTensorsTests {
  @Test func roundsToNearestHalvesToEven() {
    // One unit in the last place of bf16 at 1 is 2^-7.
    let cases: [(Float, UInt16)] = [
      (1, 0x3F80), (-2.5, 0xC020), (0, 0), (-0.0, 0x8000), (1 + 0x1p-8, 0x3F80),
      (1 + 0x3p-8, 0x3F82), (1 + 0x1.8p-8, 0x3F81), (.infinity, 0x7F80),
      (.greatestFiniteMagnitude, 0x7F80), (0x1p-149, 0),
    ]
    let tensor = HostTensor(copying: cases.map(\.0), shape: [cases.count], dtype: .f32)
    let narrowed = tensor.narrowed()
    withExtendedLifetime(narrowed) {
      let bits = Array(narrowed.bytes.bindMemory(to: UInt16.self))
      for (index, (value, expected)) in cases.enumerated() {
        #expect(bits[index] == expected, "\(value)")
      }
    }
    let nan = HostTensor(copying: [Float(bitPattern: 0x7F80_0001)], shape: [1], dtype: .f32)
    #expect(nan.narrowed().floats()[0].isNaN)
  }

  @Test func convertsFloatsOnly() throws {
    let source = RandomSource(shapes: ["m": [3, 5]], seed: 4).replacing([
      "i": HostTensor(copying: [7] as [Int64], shape: [1], dtype: .i64)
    ])
    let exact = try source.tensor("m").floats()
    let narrow = ConvertedTensors(source, to: .bf16)
    #expect(try narrow.tensor("m").dtype == .bf16)
    #expect(try narrow.tensor("i").dtype == .i64)
    #expect(narrow.keys == source.keys && narrow.contains("m") && !narrow.contains("x"))
    let wide = try ConvertedTensors(narrow, to: .f32).tensor("m")
    let narrowed = try narrow.tensor("m").floats()
    #expect(wide.dtype == .f32 && wide.floats() == narrowed)
    #expect(zip(wide.floats(), exact).allSatisfy { abs($0 - $1) <= abs($1) * 0x1p-8 })
  }
}

@Suite struct PermutationTests {
  @Test(
    arguments: [DType.i8, .bf16, .f32, .i64], [[0, 2, 1], [2, 1, 0], [1, 2, 0], [0, 1, 2]])
  func everyElementFindsItsPlace(dtype: DType, order: [Int]) {
    let shape: Shape = [3, 4, 5]
    // Each element holds its own index, exact in every type.
    let bytes = (0..<60).flatMap { index -> [UInt8] in
      switch dtype {
      case .i8: [UInt8(index)]
      case .bf16: Array(withUnsafeBytes(of: UInt16(Float(index).bitPattern >> 16)) { Array($0) })
      case .f32: Array(withUnsafeBytes(of: Float(index)) { Array($0) })
      default: Array(withUnsafeBytes(of: Int64(index)) { Array($0) })
      }
    }
    let memory = HostMemory(size: bytes.count)
    memory.bytes.copyBytes(from: bytes)
    let tensor = HostTensor(
      shape: shape, dtype: dtype, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
    let turned = tensor.permuted(order)
    var expected: [Float] = []
    for a in 0..<shape[order[0]] {
      for b in 0..<shape[order[1]] {
        for c in 0..<shape[order[2]] {
          var place = [0, 0, 0]
          (place[order[0]], place[order[1]], place[order[2]]) = (a, b, c)
          expected.append(Float((place[0] * 4 + place[1]) * 5 + place[2]))
        }
      }
    }
    #expect(turned.shape == Shape(order.map { shape[$0] }))
    #expect(turned.floats() == expected)
  }
}
