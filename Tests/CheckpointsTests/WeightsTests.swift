import Checkpoints
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@Suite struct WeightsTests {
  private let backend = Reference()

  private func weights(_ contents: [String: HostTensor]) -> Weights {
    Weights(RandomSource(shapes: [:], seed: 0).replacing(contents), on: backend)
  }

  private func f32(_ values: [Float], _ shape: Shape) -> HostTensor {
    HostTensor(copying: values, shape: shape, dtype: .f32)
  }

  @Test func descendsKeyByKey() throws {
    let root = weights(["blocks.3.linear.weight": f32([1, 2], [1, 2])])
    let layer = root["blocks"][3]["linear"]
    #expect(layer.key("weight") == "blocks.3.linear.weight")
    #expect(layer.contains("weight") && !layer.contains("bias"))
    #expect(try layer.tensor("weight", [1, 2]).floats() == [1, 2])
    #expect(throws: CheckpointError.missingKey(file: root.file, key: "blocks.3.linear.bias")) {
      try layer.vector("bias", [1])
    }
    #expect(
      throws: CheckpointError.wrongShape(
        file: root.file, key: "blocks.3.linear.weight", expected: [2, 1], found: [1, 2])
    ) { try layer.tensor("weight", [2, 1]) }
  }

  @Test func bytesCarryRowFactors() throws {
    let bytes = HostTensor(copying: [1, -2, 127, -128] as [Int8], shape: [2, 2], dtype: .i8)
    let good = weights(["m": bytes, "m.scale": f32([0.5, 2], [2])])
    #expect(try good.tensor("m", [2, 2]).floats() == [0.5, -1, 254, -256])
    try good.checkAllRead()

    let without = weights(["m": bytes])
    #expect(throws: CheckpointError.missingKey(file: without.file, key: "m.scale")) {
      try without.tensor("m", [2, 2])
    }
    let short = weights(["m": bytes, "m.scale": f32([1], [1])])
    #expect(
      throws: CheckpointError.wrongShape(
        file: short.file, key: "m.scale", expected: [2], found: [1])
    ) { try short.tensor("m", [2, 2]) }
  }

  @Test func integersAreNoWeights() {
    let stored = HostTensor(copying: [1, 2] as [Int64], shape: [2], dtype: .i64)
    #expect(throws: CheckpointError.self) { try weights(["v": stored]).vector("v", [2]) }
  }

  @Test func reportsWhatNobodyRead() throws {
    let root = weights([
      "a.weight": f32([1], [1]), "b.one": f32([1], [1]), "b.two": f32([1], [1]),
      "bb.three": f32([1], [1]),
    ])
    _ = try root["a"].vector("weight", [1])
    #expect(root.unreadKeys == ["b.one", "b.two", "bb.three"])
    root.ignore(below: "b")
    #expect(throws: CheckpointError.unreadKeys(file: root.file, keys: ["bb.three"])) {
      try root.checkAllRead()
    }
    root["bb"].ignore("three")
    try root.checkAllRead()
  }
}
