import CPUBackend
import Tensors
import TestSupport
import Testing

/// Every f16, bf16 and i8 there is, widened by every level.
@Suite struct HalfTests {
  @Test func everyHalf() {
    let bits = (0...UInt16.max).map { $0 }
    for dtype in [DType.f16, .bf16] {
      let host = HostTensor(copying: bits, shape: [256, 256], dtype: dtype)
      let expected = host.floats()
      for (level, variants) in backends {
        let found = variants[0].upload(host).view.copied().floats()
        let wrong = zip(found, expected).filter { $0 != $1 && !($0.isNaN && $1.isNaN) }
        #expect(wrong.isEmpty, "\(level) \(dtype)")
      }
    }
  }

  @Test func everyByte() {
    let host = HostTensor(
      copying: (Int8.min...Int8.max).map { $0 }, shape: [4, 64], dtype: .i8,
      rowScales: [1, 0.5, -2, 0.1])
    for (level, variants) in backends {
      #expect(variants[0].upload(host).view.copied().floats() == host.floats(), "\(level)")
    }
  }
}
