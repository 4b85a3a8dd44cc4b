import Foundation
import Testing

@testable import Media

@Suite struct WaveTests {
  private func sine(_ frames: Int, amplitude: Float = 0.5) -> [Float] {
    (0..<frames).map { amplitude * Float(sin(Double($0) * 2 * .pi * 440 / 48000)) }
  }

  /// Samples as another program reads them.
  private func decode(_ path: String) throws -> [Float] {
    let data = try Clips.run(
      "ffmpeg", ["-v", "error", "-nostdin", "-i", path, "-f", "f32le", "-"])
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  @Test(arguments: WaveEncoding.allCases, [1, 2])
  func lengthAndSamples(_ encoding: WaveEncoding, channels: Int) throws {
    let path = Clips.path("wave-\(encoding)-\(channels).wav")
    let samples = sine(30_001 * channels)
    let writer = try WaveWriter(
      path: path, channels: channels, encoding: encoding, expectedFrames: 30_001)
    // In uneven pieces: the blocks must not show.
    try writer.write(Array(samples[..<(7 * channels)]))
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(FileManager.default.fileExists(atPath: path + ".partial"))
    try writer.write(Array(samples[(7 * channels)...]))
    try writer.finish()
    #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
    #expect(writer.clippedSamples == 0)
    #expect(writer.frameCount == 30_001)
    let read = try decode(path)
    #expect(read.count == samples.count)
    // Triangular dither reaches 1 step, rounding adds half of one.
    let step: Float =
      switch encoding {
      case .pcm16: 1 / 32768
      case .pcm24: 1 / 8_388_608
      case .float32: 0
      }
    let worst = zip(read, samples).map { abs($0 - $1) }.max()!
    #expect(worst <= 1.51 * step)
    if encoding == .pcm16 {
      // The noise of dither and rounding: a quarter of a step squared, and no offset.
      let errors = zip(read, samples).map { Double($0 - $1) * 32768 }
      let mean = errors.reduce(0, +) / Double(errors.count)
      let power = errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)
      #expect(abs(mean) < 0.02)
      #expect(abs(power - 0.25) < 0.02)
    }
  }

  /// Also across seconds of the clock, which no header may hold.
  @Test(arguments: WaveEncoding.allCases)
  func theSameSamplesGiveTheSameBytes(_ encoding: WaveEncoding) throws {
    let samples = sine(5000)
    var files: [Data] = []
    for (index, piece) in [5000, 1, 999].enumerated() {
      let path = Clips.path("same-\(encoding)-\(index).wav")
      if index == 2 { usleep(1_100_000) }
      let writer = try WaveWriter(path: path, encoding: encoding)
      for begin in stride(from: 0, to: samples.count, by: piece) {
        try writer.write(Array(samples[begin..<min(begin + piece, samples.count)]))
      }
      try writer.finish()
      files.append(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
    #expect(files[0] == files[1])
    #expect(files[0] == files[2])
  }

  @Test func excessIsLimitedAndCounted() throws {
    let path = Clips.path("loud.wav")
    let writer = try WaveWriter(path: path, encoding: .float32)
    try writer.write([0.5, 1.5, -2, .nan, -1, 1])
    try writer.finish()
    #expect(writer.clippedSamples == 3)
    #expect(try decode(path) == [0.5, 1, -1, 0, -1, 1])
  }

  @Test func aDroppedWriterLeavesNothing() throws {
    let path = Clips.path("dropped.wav")
    do {
      let writer = try WaveWriter(path: path)
      try writer.write(sine(100))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
  }

  @Test func anOlderFileStaysUntilTheNewOneIsComplete() throws {
    let path = Clips.path("older.wav")
    try Data("old".utf8).write(to: URL(fileURLWithPath: path))
    let link = Clips.path("link.wav")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    let writer = try WaveWriter(path: link)
    try writer.write(sine(100))
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("old".utf8))
    try writer.finish()
    // The link still is one, and what it points to is new.
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
    #expect(try decode(path).count == 100)
  }

  // MARK: Length

  @Test func fourGibibytes() throws {
    let mono = WaveFormat(sampleRate: 48000, channels: 1, encoding: .pcm16)
    #expect(!mono.needsRF64(frames: 2_147_480_000))
    #expect(mono.needsRF64(frames: 2_147_483_648))
    #expect(mono.needsRF64(frames: .max))
    let wide = WaveFormat(sampleRate: 48000, channels: 2, encoding: .float32)
    #expect(!wide.needsRF64(frames: 536_000_000))
    #expect(wide.needsRF64(frames: 536_870_912))
  }

  @Test func containerFollowsTheLength() throws {
    for (expected, name) in [(Int?.some(100), "RIFF"), (nil, "RIFF"), (3_000_000_000, "RF64")] {
      let path = Clips.path("container-\(name)-\(expected ?? 0).wav")
      let writer = try WaveWriter(path: path, expectedFrames: expected)
      try writer.write(sine(100))
      try writer.finish()
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      #expect(String(decoding: bytes.prefix(4), as: UTF8.self) == name)
      #expect(try decode(path).count == 100)
    }
  }

  // MARK: Failures

  private func failure(_ body: () throws -> Void) -> MediaError? {
    do {
      try body()
      return nil
    } catch {
      return error as? MediaError
    }
  }

  @Test func outputsThatCannotBe() throws {
    let nowhere = Clips.path("no-such-folder/out.wav")
    let absent = try #require(failure { _ = try WaveWriter(path: nowhere) })
    #expect(
      absent.description
        == "\(nowhere): cannot be created: there is no folder \(Clips.path("no-such-folder"))")
    #expect(absent.exitCode == 73)
    let folder = Clips.path("folder.wav")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    #expect(failure { _ = try WaveWriter(path: folder) }?.exitCode == 73)
    #expect(failure { _ = try WaveWriter(path: "/proc/out.wav") }?.exitCode == 73)
  }

  @Test(arguments: WaveEncoding.allCases) func diskFull(_ encoding: WaveEncoding) throws {
    // A partial file that leads to the device that is always full.
    let path = Clips.path("full-\(encoding).wav")
    try FileManager.default.createSymbolicLink(
      atPath: path + ".partial", withDestinationPath: "/dev/full")
    let samples = sine(100_000)
    let full = try #require(
      failure {
        let writer = try WaveWriter(path: path, encoding: encoding)
        try writer.write(samples)
        try writer.finish()
      })
    #expect(full == .cannotWrite(file: path, reason: "No space left on device"))
    #expect(full.exitCode == 74)
    #expect(!FileManager.default.fileExists(atPath: path))
    let device = failure { _ = try WaveWriter(path: "/dev/full") }
    #expect(device == .cannotWrite(file: "/dev/full", reason: "No space left on device"))
  }

  // MARK: Streams

  @Test(arguments: WaveEncoding.allCases, [true, false])
  func pipes(_ encoding: WaveEncoding, knownLength: Bool) throws {
    let pipe = Clips.path("pipe-\(encoding)-\(knownLength).wav")
    #expect(mkfifo(pipe, 0o600) == 0)
    let copy = Clips.path("copy-\(encoding)-\(knownLength).wav")
    let samples = sine(4001)
    let thread = Thread {
      let writer = try! WaveWriter(
        path: pipe, encoding: encoding, expectedFrames: knownLength ? 4001 : nil)
      try! writer.write(samples)
      try! writer.finish()
    }
    thread.start()
    let bytes = try Clips.readPipe(pipe)
    try bytes.write(to: URL(fileURLWithPath: copy))
    let sizes = bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(sizes == (knownLength ? bytes.count - 8 : 0xFFFF_FFFF))
    let read = try decode(copy)
    // Without a length, the reader takes a padding byte for sound.
    #expect(read.count == 4001 || !knownLength && read.count == 4002)
    #expect(zip(read, samples).allSatisfy { abs($0 - $1) < 1e-4 })
  }
}

@Suite struct StandardOutputTests {
  @Test func dashIsStandardOutput() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
        let writer = try WaveWriter(path: "-", expectedFrames: 50)
        try writer.write([Float](repeating: 0.25, count: 50))
        try writer.finish()
      })
    let bytes = result.standardOutputContent
    #expect(bytes.count == 44 + 100)
    #expect(bytes.prefix(4) == Array("RIFF".utf8)[...])
    #expect(Array(bytes[40..<44]) == [100, 0, 0, 0])
  }
}

@Suite struct PNGTests {
  @Test func pixelsSurvive() throws {
    let bytes = (0..<(37 * 23 * 3)).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let path = Clips.path("picture.png")
    try writePNG(
      path: path, picture: Picture(width: 37, height: 23, format: .rgb24, bytes: bytes))
    let read = try Clips.run(
      "ffmpeg",
      ["-v", "error", "-nostdin", "-i", path, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"])
    #expect(Array(read) == bytes)
    let frame = try #require(try VideoReader(path: path).next())
    #expect(try frame.picture(width: 37, height: 23, format: .rgb24).bytes == bytes)
  }
}
