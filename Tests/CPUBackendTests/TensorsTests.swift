import Tensors
import TestSupport
import Testing

@Suite struct ShapeTests {
  @Test func counts() {
    let shape: Shape = [2, 3, 5]
    #expect(shape.count == 30 && shape.channels == 5 && shape.rows == 6 && shape.rank == 3)
    #expect(shape[-1] == 5 && shape[0] == 2 && shape.dimensions == [2, 3, 5])
    let scalar: Shape = []
    #expect(scalar.count == 1 && scalar.channels == 1 && scalar.rows == 1 && scalar.rank == 0)
    #expect(([0, 4] as Shape).count == 0)
  }

  @Test func replacement() {
    #expect(([2, 3] as Shape).withChannels(7) == [2, 7])
    #expect(([2, 3] as Shape).replacing(axis: 0, with: 9) == [9, 3])
    #expect(([2, 3] as Shape) != [2, 3, 1])
    #expect(([2, 3] as Shape).description == "[2, 3]")
  }
}

@Suite struct PhiloxTests {
  /// Known answers published with the generator's reference implementation.
  @Test func knownAnswers() {
    #expect(
      Philox.words(counter: SIMD4(repeating: 0), key: SIMD2(repeating: 0))
        == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    #expect(
      Philox.words(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
        == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Philox.words(
        counter: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
        key: SIMD2(0xA409_3822, 0x299F_31D0))
        == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  @Test func noiseIsAddressedByPlace() {
    let noise = GaussianNoise(seed: 42)
    let whole = noise.rows(0..<50, channels: 7)
    #expect(noise.rows(20..<30, channels: 7) == Array(whole[140..<210]))
    #expect(noise.value(index: 23, channel: 5) == whole[23 * 7 + 5])
    #expect(GaussianNoise(seed: 43).rows(0..<50, channels: 7) != whole)
  }

  @Test func noiseIsNormal() {
    let values = GaussianNoise(seed: 7).rows(-500..<9_500, channels: 4).map(Double.init)
    let mean = values.reduce(0, +) / 40_000
    let variance = values.reduce(0) { $0 + $1 * $1 } / 40_000
    // Four standard errors.
    #expect(abs(mean) < 0.02 && abs(variance - 1) < 0.03)
  }
}

@Suite struct HostTensorTests {
  @Test func permutation() {
    let host = HostTensor(copying: (0..<24).map(Float.init), shape: [2, 3, 4], dtype: .f32)
    let turned = host.permuted([2, 0, 1])
    #expect(turned.shape == [4, 2, 3])
    let values = turned.floats()
    for a in 0..<2 {
      for b in 0..<3 {
        for c in 0..<4 {
          #expect(values[(c * 2 + a) * 3 + b] == Float((a * 3 + b) * 4 + c))
        }
      }
    }
  }

  @Test func rowScales() {
    let host = HostTensor(
      copying: [1, 2, 3, 4] as [Int8], shape: [2, 2], dtype: .i8, rowScales: [0.5, 10])
    #expect(host.floats() == [0.5, 1, 30, 40])
    #expect(host.pickingRows([1, 1, 0]).floats() == [30, 40, 30, 40, 0.5, 1])
    #expect(host.permuted([0, 1]).rowScales == [0.5, 10])
    #expect(host.permuted([1, 0]).floats() == [0.5, 30, 1, 40])
    #expect(host.permuted([1, 0]).dtype == .f32)
  }

  @Test func joining() {
    let floats = HostTensor(copying: [1, 2] as [Float], shape: [1, 2], dtype: .f32)
    let bytes = HostTensor(
      copying: [3, 4] as [Int8], shape: [1, 2], dtype: .i8, rowScales: [2])
    #expect(HostTensor.joiningRows([floats, bytes]).floats() == [1, 2, 6, 8])
    let joined = HostTensor.joiningRows([bytes, bytes])
    #expect(joined.dtype == .i8 && joined.floats() == [6, 8, 6, 8])
  }
}

@Suite struct ViewTests {
  @Test func partsOfATensor() {
    for (_, variants) in backends {
      let x = variants[0].tensor((0..<24).map(Float.init), [4, 6])
      #expect(x.chunk(1, of: 3).copied().floats() == [2, 3, 8, 9, 14, 15, 20, 21])
      #expect(x.columns(5..<6).copied().shape == [4, 1])
      #expect(x[1..<3].floats() == (6..<18).map(Float.init))
      #expect(x[1..<3].columns(0..<2).copied().floats() == [6, 7, 12, 13])
      #expect(x.reshaped([2, 2, 6])[1..<2].silu().shape == [1, 2, 6])
      let picked = x[2..<4].view.picking(rows: variants[0].rowIndex([1, 0]))
      #expect(picked.rows == 2 && picked.copied().floats()[0] == 18)
    }
  }
}
