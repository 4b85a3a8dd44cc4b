import Checkpoints
import Networks
import Tensors

extension ParityCheck {
  /// The picture classifier: recorded `images` [B, 224, 224, 3] -> `logits` [B, 1000].
  func pictureClassifier(_ fixture: Fixture) throws -> [Comparison] {
    let weights = try fixture.weights(on: backend)
    let classifier = try EfficientNetLite0(weights)
    try weights.checkAllRead()
    let recording = try fixture.recording()
    let logits = classifier(try recording.input("images", on: backend))
    return [
      Comparison(
        fixture: fixture, output: "logits", computed: logits,
        recorded: try recording.output("logits"))
    ]
  }
}
