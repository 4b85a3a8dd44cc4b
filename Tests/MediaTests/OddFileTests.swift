import Foundation
import TestSupport
import Testing

@testable import Media

/// Files in every odd shape that cameras, editors and accidents make.
@Suite struct OddFileTests {
  // MARK: Clocks

  @Test func lateStartCountsFromTheFirstFrame() throws {
    let path = try Clips.make(
      "late.mp4",
      ["-f", "lavfi", "-i", "sine=d=2:r=48000", "-itsoffset", "0.8"]
        + Clips.counter(rate: "25", frames: 30) + Clips.reordered
        + ["-map", "1:v", "-map", "0:a", "-c:a", "aac"])
    let reader = try VideoReader(path: path)
    #expect(reader.information.startTime == Rational(8, 10))
    #expect(reader.information.hasAudio)
    #expect(reader.information.audioCodec == "aac")
    let shown = try Shown(path)
    #expect(shown.numbers == Array(0..<30))
    #expect(shown.times == (0..<30).map { Rational($0, 25) })
    #expect(shown.duration == Rational(30, 25))
    #expect(shown.warnings == [])
  }

  /// A Matroska header tells when the last frame ends, not how long they last.
  @Test func lateMatroskaIsNotCutOff() throws {
    let path = try Clips.make(
      "late.mkv",
      Clips.counter(rate: "25", frames: 30) + Clips.h264 + ["-output_ts_offset", "7.3"])
    let reader = try VideoReader(path: path)
    #expect(reader.information.startTime == Rational(73, 10))
    #expect(reader.information.duration == Rational(30, 25))
    let shown = try Shown(path)
    #expect(shown.duration == Rational(30, 25))
    #expect(shown.warnings == [])
  }

  /// A cut without re-encoding: the key frame before the cut is in the file but not shown.
  @Test func editListHidesFramesBeforeTheCut() throws {
    let whole = try TimedClip.all[0].make()
    let path = try Clips.make("cut.mp4", ["-ss", "1.2", "-i", whole, "-c", "copy"])
    let shown = try Shown(path)
    // The first frame is on screen at the cut; key frames are at 0, 24 and 48.
    #expect(shown.numbers.first == 28 || shown.numbers.first == 29)
    #expect(shown.numbers == Array(shown.numbers[0]..<60))
    let expected = (0..<Int64(shown.numbers.count)).map { Rational($0 * 1001, 24000) }
    #expect(shown.times == expected)
    #expect(shown.duration == Rational(Int64(shown.numbers.count) * 1001, 24000))
  }

  @Test func negativeStart() throws {
    let path = try Clips.make(
      "negative.mov",
      Clips.counter(rate: "25", frames: 30) + Clips.h264
        + ["-bf", "0", "-output_ts_offset", "-0.2", "-avoid_negative_ts", "disabled"])
    let shown = try Shown(path)
    let first = try #require(shown.numbers.first)
    #expect(first <= 5)
    #expect(shown.numbers == Array(first..<30))
    #expect(shown.times == (0..<Int64(30 - first)).map { Rational($0, 25) })
  }

  @Test func repeatedTimesAreMadeToRise() throws {
    let path = try Clips.make(
      "repeated.mkv",
      Clips.counter(rate: "25", frames: 20, timing: "settb=1/1000,setpts='40*(N-mod(N,2))'")
        + ["-enc_time_base", "1:1000", "-c:v", "ffv1", "-threads", "1"])
    let shown = try Shown(path)
    #expect(shown.numbers == Array(0..<20))
    #expect(shown.times.first == .zero)
    #expect(zip(shown.times, shown.times.dropFirst()).allSatisfy { $0 < $1 })
    for n in stride(from: 0, to: 20, by: 2) {
      #expect(shown.times[n] == Rational(Int64(n * 40), 1000))
    }
    #expect(shown.warnings == [.repairedTimes(count: 10)])
  }

  /// A header may claim any length; the frames decide.
  @Test func absurdHeaderLengthDoesNotMatter() throws {
    let path = Clips.path("six-hours.mkv")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: try TimedClip.all[2].make()))
    // Matroska's Duration: identifier 4489, size 8, a double in milliseconds.
    let header = try #require(bytes.range(of: Data([0x44, 0x89, 0x88])))
    let sixHours = withUnsafeBytes(of: Double(6 * 3600 * 1000).bitPattern.bigEndian) { Data($0) }
    bytes.replaceSubrange(header.upperBound..<header.upperBound + 8, with: sixHours)
    try bytes.write(to: URL(fileURLWithPath: path))
    let reader = try VideoReader(path: path)
    #expect(reader.information.duration == Rational(6 * 3600))
    let shown = try Shown(path)
    #expect(shown.numbers == Array(0..<60))
    #expect(abs(shown.duration.seconds - 60 * 1001.0 / 30000) < 0.001)
    #expect(
      shown.warnings == [.truncated(end: shown.duration.seconds, stated: 6 * 3600)])
  }

  @Test func brokenStartIsSkipped() throws {
    let whole = try Clips.make(
      "whole.ts", Clips.counter(rate: "25", frames: 60) + Clips.reordered)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
    // Cut inside the first group of pictures; the next key frame is number 24.
    let cut = try #require(TransportStream.offset(ofPicture: 5, in: bytes))
    bytes.removeFirst(cut)
    let path = Clips.path("broken-start.ts")
    try bytes.write(to: URL(fileURLWithPath: path))
    let shown = try Shown(path)
    #expect(shown.numbers == Array(24..<60))
    #expect(shown.times == (0..<36).map { Rational($0, 25) })
    let skipped = try #require(
      shown.warnings.compactMap {
        if case .brokenStart(let skipped) = $0 { skipped } else { nil }
      }.first)
    #expect(skipped > 0.5 && skipped < 0.9)
  }

  // MARK: Pictures

  @Test(arguments: [0, 90, 180, 270]) func rotationIsApplied(_ degrees: Int) throws {
    let plain = try Clips.make(
      "corner.mp4",
      [
        "-f", "lavfi", "-i", "color=s=64x32:r=25:c=black,format=yuv420p", "-frames:v", "2", "-vf",
        "geq=lum='if(lt(X,32),if(lt(Y,16),235,120),16)':cb=128:cr=128",
      ] + Clips.h264)
    let path = Clips.path("rotated-\(degrees).mp4")
    try TrackMatrix.rotate(plain, degrees: degrees, into: path)
    let reader = try VideoReader(path: path)
    #expect(reader.information.rotation == degrees)
    let turned = degrees % 180 == 90
    #expect(reader.information.width == (turned ? 32 : 64))
    #expect(reader.information.height == (turned ? 64 : 32))
    let frame = try #require(try reader.next())
    let picture = try frame.picture(width: 2, height: 2, format: .gray8)
    // Stored: bright top left, grey bottom left, dark right.
    let stored: [UInt8] = [255, 121, 0, 0]
    let (topLeft, bottomLeft, right) = (stored[0], stored[1], stored[2])
    let expected: [UInt8] =
      switch degrees {
      case 90: [bottomLeft, topLeft, right, right]
      case 180: [right, bottomLeft, right, topLeft]
      case 270: [right, right, topLeft, bottomLeft]
      default: [topLeft, right, bottomLeft, right]
      }
    for (found, wanted) in zip(picture.bytes, expected) {
      #expect(abs(Int(found) - Int(wanted)) <= 4, "\(picture.bytes), expected \(expected)")
    }
    // The tool that plays it agrees, pixel by pixel.
    let played = try Clips.run(
      "ffmpeg",
      [
        "-v", "error", "-nostdin", "-i", path, "-frames:v", "1", "-pix_fmt", "gray", "-f",
        "rawvideo", "-",
      ])
    let full = try frame.picture(width: frame.width, height: frame.height, format: .gray8)
    #expect(played.count == full.bytes.count)
    let worst = zip(played, full.bytes).map { abs(Int($0) - Int($1)) }.max()
    #expect(try #require(worst) <= 1)
  }

  @Test func nonSquarePixelsWidenTheDisplay() throws {
    let path = try Clips.make(
      "wide-pixels.mkv",
      ["-f", "lavfi", "-i", "color=s=72x58:r=25:c=red", "-frames:v", "2", "-vf", "setsar=16/11"]
        + Clips.h264)
    let information = try VideoReader(path: path).information
    #expect(information.width == 105)
    #expect(information.height == 58)
  }

  @Test(arguments: [
    "yuv420p", "yuv410p", "yuv411p", "yuv422p", "yuv440p", "yuv444p", "yuva420p", "yuv420p10le",
    "yuv422p12le", "yuv444p16le", "gray", "gray16le", "bgr0", "bgra", "gbrp", "gbrp10le",
    "rgb48le", "yuvj420p",
  ])
  func pixelFormats(_ format: String) throws {
    let path = try Clips.make(
      "format-\(format).mkv",
      [
        "-f", "lavfi", "-i", "color=s=50x38:r=25:c=red", "-f", "lavfi", "-i",
        "color=s=50x38:r=25:c=white", "-filter_complex",
        "[0][1]concat=n=2:v=1,format=\(format),trim=end_frame=26,select='gte(n,24)'",
        "-c:v", format == "yuvj420p" ? "mjpeg" : "ffv1", "-frames:v", "2", "-threads", "1",
      ].replacingDuration())
    let reader = try VideoReader(path: path)
    let red = try #require(try reader.next())
    let colour = try red.picture(width: 5, height: 3, format: .rgb24, fit: .centreCrop)
    let grey = try red.picture(width: 5, height: 3, format: .gray8)
    if format.hasPrefix("gray") {
      // Red's brightness: the colour is gone.
      #expect(colour.bytes.allSatisfy { abs(Int($0) - 76) <= 5 }, "\(colour.bytes)")
    } else {
      for pixel in 0..<15 {
        let (r, g, b) = (
          colour.bytes[3 * pixel], colour.bytes[3 * pixel + 1], colour.bytes[3 * pixel + 2]
        )
        #expect(r >= 250 && g <= 6 && b <= 6, "\(r) \(g) \(b)")
      }
    }
    #expect(grey.bytes.allSatisfy { abs(Int($0) - 76) <= 5 }, "\(grey.bytes)")
    let white = try #require(try reader.next())
    for size in [(50, 38), (7, 5), (80, 60)] {
      let picture = try white.picture(width: size.0, height: size.1, format: .gray8)
      #expect(picture.bytes.allSatisfy { $0 >= 253 })
    }
  }

  @Test func oddSizes() throws {
    let path = try Clips.make(
      "odd.mkv",
      ["-f", "lavfi", "-i", "testsrc=s=37x23:r=25", "-frames:v", "3", "-c:v", "ffv1"])
    let reader = try VideoReader(path: path)
    #expect(reader.information.width == 37)
    #expect(reader.information.height == 23)
    while let frame = try reader.next() {
      for (width, height) in [(1, 1), (3, 201), (37, 23), (224, 224), (160, 99)] {
        for fit in [PictureFit.stretch, .centreCrop] {
          let picture = try frame.picture(width: width, height: height, format: .rgb24, fit: fit)
          #expect(picture.bytes.count == width * height * 3)
        }
      }
    }
  }

  /// The middle of a wide picture, not a squeezed one.
  @Test func centreCropCutsTheSides() throws {
    let path = try Clips.make(
      "sides.mkv",
      [
        "-f", "lavfi", "-i", "color=s=96x32:r=25:c=black,format=yuv420p", "-frames:v", "1", "-vf",
        "geq=lum='if(between(X,32,63),235,16)':cb=128:cr=128", "-c:v", "ffv1",
      ])
    let frame = try #require(try VideoReader(path: path).next())
    let middle = try frame.picture(width: 8, height: 8, format: .gray8, fit: .centreCrop)
    #expect(middle.bytes.allSatisfy { $0 > 250 }, "\(middle.bytes)")
    let whole = try frame.picture(width: 3, height: 1, format: .gray8, fit: .stretch)
    #expect(whole.bytes[0] < 5 && whole.bytes[1] > 250 && whole.bytes[2] < 5)
  }

  @Test(arguments: ["png", "jpg", "bmp", "tiff", "webp"])
  func stillPictures(_ ending: String) throws {
    // A name that looks like a numbered sequence is still one file.
    let path = try Clips.make(
      "still-100%d.\(ending)",
      ["-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", "1", "-update", "1"])
    let reader = try VideoReader(path: path)
    #expect(reader.information.isStill)
    #expect(reader.information.duration == .zero)
    #expect(reader.information.width == 64 && reader.information.height == 48)
    let frame = try #require(try reader.next())
    #expect(frame.time == .zero)
    #expect(try reader.next() == nil)
    #expect(reader.finalDuration == .zero)
    #expect(reader.warnings == [])
  }

  @Test func orientationOfPhotographs() throws {
    let plain = try Clips.make(
      "photo.jpg", ["-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", "1", "-update", "1"])
    var bytes = try Data(contentsOf: URL(fileURLWithPath: plain))
    // EXIF with one entry: orientation 6, to be turned 90 degrees clockwise.
    let exif: [UInt8] = [
      0xFF, 0xE1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12,
      0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
    ]
    bytes.insert(contentsOf: exif, at: 2)
    let path = Clips.path("photo-turned.jpg")
    try bytes.write(to: URL(fileURLWithPath: path))
    let information = try VideoReader(path: path).information
    #expect(information.rotation == 90)
    #expect(information.width == 48 && information.height == 64)
  }

  // MARK: Streams

  @Test func coverArtIsNotTheVideo() throws {
    let cover = try Clips.make(
      "cover.png", ["-f", "lavfi", "-i", "testsrc=s=400x400", "-frames:v", "1", "-update", "1"])
    let video = try Clips.make(
      "covered.mp4",
      ["-i", cover, "-i", try TimedClip.all[0].make(), "-map", "0", "-map", "1"]
        + ["-c", "copy", "-disposition:v:0", "attached_pic"])
    #expect(try Shown(video).numbers == Array(0..<60))
    let song = try Clips.make(
      "song.mp3",
      ["-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy"]
        + ["-disposition:v:0", "attached_pic"])
    #expect(throws: MediaError.noVideoStream(file: song, found: "audio and cover art")) {
      try VideoReader(path: song)
    }
  }

  @Test func pipesAreRead() throws {
    let source = try Clips.make(
      "pipe-source.mkv", Clips.counter(rate: "25", frames: 30) + Clips.reordered)
    let path = Clips.path("pipe.mkv")
    #expect(mkfifo(path, 0o600) == 0)
    let writer = Thread {
      let bytes = try! Data(contentsOf: URL(fileURLWithPath: source))
      let descriptor = open(path, O_WRONLY)
      _ = bytes.withUnsafeBytes { writeAll(descriptor, $0) }
      close(descriptor)
    }
    writer.start()
    #expect(try Shown(path, start: 0.5).numbers == Array(12..<30))
  }

  // MARK: What is refused

  @Test func refusals() throws {
    let folder = Clips.path("a-folder.mp4")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let empty = Clips.path("empty.mp4")
    try Data().write(to: URL(fileURLWithPath: empty))
    let text = Clips.path("notes.txt")
    try Data(String(repeating: "A line of text.\n", count: 500).utf8)
      .write(to: URL(fileURLWithPath: text))
    let noise = Clips.path("noise.mp4")
    var generator = SeededGenerator(seed: 1)
    try Data((0..<200_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
      .write(to: URL(fileURLWithPath: noise))
    let sound = try Clips.make("sound.wav", ["-f", "lavfi", "-i", "sine=d=1"])

    func failure(_ path: String) -> MediaError? {
      do {
        _ = try VideoReader(path: path)
        return nil
      } catch {
        return error
      }
    }
    let absent = Clips.path("absent.mp4")
    #expect(failure(absent) == .notFound(file: absent))
    #expect(failure(sound + "/inside.mp4") == .notFound(file: sound + "/inside.mp4"))
    #expect(failure(folder) == .isDirectory(file: folder))
    #expect(failure(empty) == .notMedia(file: empty, reason: "the file is empty"))
    #expect(failure(sound) == .noVideoStream(file: sound, found: "audio"))
    #expect(
      failure("/dev/zero") == .unreadable(file: "/dev/zero", reason: "neither a file nor a pipe"))
    for path in [text, noise] {
      guard case .notMedia = failure(path) else {
        Issue.record("\(path): \(String(describing: failure(path)))")
        continue
      }
    }
    #expect(failure(absent)?.exitCode == 66)
    #expect(failure(text)?.exitCode == 65)
    #expect(failure(absent)?.description == "\(absent): no such file")
  }

  @Test(.enabled(if: getuid() != 0, "the superuser may read everything"))
  func permissionDenied() throws {
    let path = Clips.path("secret.mp4")
    try Data([1]).write(to: URL(fileURLWithPath: path))
    chmod(path, 0)
    #expect(throws: MediaError.permissionDenied(file: path)) { try VideoReader(path: path) }
  }

  @Test func zeroFrames() throws {
    // All of the picture data overwritten: the index is fine, nothing decodes.
    let source = try Clips.make(
      "fast.mp4",
      Clips.counter(rate: "25", frames: 30) + Clips.reordered + ["-movflags", "+faststart"])
    var bytes = try Data(contentsOf: URL(fileURLWithPath: source))
    let data = try #require(bytes.range(of: Data("mdat".utf8)))
    bytes.replaceSubrange(
      data.upperBound..<bytes.count, with: Data(count: bytes.count - data.upperBound))
    let path = Clips.path("hollow.mp4")
    try bytes.write(to: URL(fileURLWithPath: path))
    do {
      _ = try VideoReader(path: path)
      Issue.record("a video without frames was accepted")
    } catch {
      guard case .noFrames = error else {
        Issue.record("\(error)")
        return
      }
      #expect(error.exitCode == 65)
    }
  }

  @Test func rangeBehindTheEnd() throws {
    let path = try TimedClip.all[0].make()
    #expect(
      throws: MediaError.emptyRange(file: path, start: 60, duration: 60 * 1001.0 / 24000)
    ) { try VideoReader(path: path, start: 60) }
  }
}

extension [String] {
  /// The two colours last one second each.
  fileprivate func replacingDuration() -> [String] {
    map { $0.replacingOccurrences(of: ":r=25:c=", with: ":r=25:d=1:c=") }
  }
}
