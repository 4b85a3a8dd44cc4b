import Checkpoints
import Imaging
import Networks
import Tensors

// Preprocessing is compared byte for byte.
extension ParityCheck {
  /// Pictures stretched as Pillow does it, and the numbers a network is given.
  func siglip2Preparation(_ fixture: Fixture) throws -> [Comparison] {
    let recording = try fixture.recording()
    return try recording.outputs.map { output in
      let (kind, frame) = try parts(of: output, fixture)
      let recorded = try recording.output(output)
      let picture = try recording.file.tensor(frame)
      func stretched(_ side: Int) -> [UInt8] { prepared(picture, .stretched(side: side)) }
      switch kind {
      case "rows512_u8":
        let (side, whole) = (512, stretched(512))
        let rows = [0, 1, 2, 100, 255, 256, 400, 509, 510, 511]
        return bytes(
          fixture, output, rows.flatMap { whole[$0 * 3 * side..<($0 + 1) * 3 * side] }, recorded)
      case "resize64_u8": return bytes(fixture, output, stretched(64), recorded)
      case "norm64":
        return floats(fixture, output, stretched(64), side: 64, rows: 0..<64, recorded)
      default: return unknown(fixture, output)
      }
    }
  }

  /// Pictures cut from the middle as torchvision does it, and the numbers a network is given.
  func synchformerPreparation(_ fixture: Fixture) throws -> [Comparison] {
    // The pictures lie with the other fixture.
    let pictures = try Fixture(
      fixture.folder.deletingLastPathComponent().appendingPathComponent("siglip2-preprocess").path
    ).recording()
    let recording = try fixture.recording()
    return try recording.outputs.map { output in
      let (kind, frame) = try parts(of: output, fixture)
      let recorded = try recording.output(output)
      let side = 224
      let picture = prepared(try pictures.file.tensor(frame), .centreCropped(side: side))
      switch kind {
      case "crop_u8":
        let planes = HostTensor(copying: picture, shape: [side, side, 3], dtype: .u8)
          .permuted([2, 0, 1])
        return bytes(fixture, output, Array(planes.bytes), recorded)
      case "norm_rows":
        return floats(fixture, output, picture, side: side, rows: [0, 111, 223], recorded)
      default: return unknown(fixture, output)
      }
    }
  }

  /// `kind.frame` of an output's name.
  private func parts(of output: String, _ fixture: Fixture) throws -> (kind: String, frame: String)
  {
    let parts = output.split(separator: ".").map(String.init)
    guard parts.count == 2 else {
      throw FixtureError.unusable(file: fixture.folder.path, reason: "an output named '\(output)'")
    }
    return (parts[0], parts[1])
  }

  private func prepared(
    _ picture: HostTensor, _ recipe: PicturePreparation.Recipe
  ) -> [UInt8] {
    let size = PixelSize(width: picture.shape[1], height: picture.shape[0])
    return recipe.resizer(from: size)(picture.bytes.bytes, stride: 3 * size.width)
  }

  private func bytes(
    _ fixture: Fixture, _ output: String, _ computed: [UInt8], _ recorded: HostTensor
  ) -> Comparison {
    guard computed.count == recorded.bytes.count else {
      return Comparison(
        fixture: fixture.name, output: output,
        .failed(reason: "\(computed.count) bytes, recorded \(recorded.bytes.count)"))
    }
    return Comparison(
      fixture: fixture.name, output: output,
      .exact(
        different: zip(computed, recorded.bytes).count { $0 != $1 }, count: computed.count))
  }

  /// Some rows of the normalised picture, channels first; no value may be off by more than 1e-6.
  private func floats(
    _ fixture: Fixture, _ output: String, _ picture: [UInt8], side: Int, rows: some Sequence<Int>,
    _ recorded: HostTensor
  ) -> Comparison {
    let values = HostTensor.normalizedPictures([picture], side: side).permuted([0, 3, 1, 2])
      .floats()
    let wanted = (0..<3).flatMap { channel in
      rows.flatMap { row in
        let start = (channel * side + row) * side
        return values[start..<start + side]
      }
    }
    let expected = recorded.floats()
    guard wanted.count == expected.count else {
      return Comparison(
        fixture: fixture.name, output: output,
        .failed(reason: "\(wanted.count) values, recorded \(expected.count)"))
    }
    return Comparison(
      fixture: fixture.name, output: output,
      .exact(
        // Written so that a value that is not a number differs.
        different: zip(wanted, expected).count { !(abs($0 - $1) <= 1e-6) }, count: wanted.count))
  }

  private func unknown(_ fixture: Fixture, _ output: String) -> Comparison {
    Comparison(fixture: fixture.name, output: output, .failed(reason: "not computed"))
  }
}
