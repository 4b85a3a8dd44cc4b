import Foundation
import TestSupport
import Testing

@testable import Media

@Suite struct MuxTests {
  /// One second after the first shown frame, a click in silence.
  private static func click(seconds: Double, encoding: WaveEncoding = .pcm16) throws -> String {
    let path = Clips.path("click-\(UUID().uuidString).wav")
    var samples = [Float](repeating: 0, count: Int(seconds * 48000))
    for i in 0..<24 { samples[48000 + i] = i % 2 == 0 ? 0.9 : -0.9 }
    let writer = try WaveWriter(path: path, encoding: encoding)
    try writer.write(samples)
    try writer.finish()
    return path
  }

  /// Presentation time of the first frame of a kind, in seconds.
  private static func start(_ path: String, _ kind: String) throws -> Double {
    let text = try Clips.run(
      "ffprobe",
      [
        "-v", "error", "-select_streams", "\(kind):0", "-show_entries",
        "frame=best_effort_timestamp_time", "-of", "csv=p=0", path,
      ])
    let first = String(decoding: text, as: UTF8.self).split(whereSeparator: { $0.isNewline }).first
    return try #require(
      first.flatMap { Double($0.trimmingCharacters(in: CharacterSet(charactersIn: ", "))) })
  }

  /// When the click is heard, from the first shown frame.
  private static func clickTime(_ path: String) throws -> Double {
    let data = try Clips.run(
      "ffmpeg",
      [
        "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f",
        "f32le", "-",
      ])
    let samples = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    let loudest = try #require(samples.indices.max { abs(samples[$0]) < abs(samples[$1]) })
    #expect(abs(samples[loudest]) > 0.3)
    return try start(path, "a") + Double(loudest) / 48000 - start(path, "v")
  }

  private static func packets(_ path: String) throws -> [Substring] {
    let text = try Clips.run(
      "ffmpeg",
      [
        "-v", "error", "-nostdin", "-i", path, "-map", "0:v:0", "-c", "copy", "-f", "framehash",
        "-hash", "md5", "-",
      ])
    return String(decoding: text, as: UTF8.self).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
      .map { $0.split(separator: ",").last! }
  }

  static let pairs: [(source: String, ending: String)] = [
    ("film.mp4", "mp4"), ("film.mp4", "mov"), ("film.mp4", "mkv"), ("ntsc.mkv", "mp4"),
    ("ntsc.mov", "m4v"), ("vp9.webm", "webm"), ("variable.mp4", "mp4"),
    ("variable-reordered.mkv", "mkv"), ("mpeg4.avi", "mkv"), ("film.ts", "mp4"), ("film.ts", "ts"),
    ("film.mp4", "ts"), ("sixty.mp4", "mp4"), ("prores.mov", "mov"),
  ]

  @Test(arguments: pairs) func picturesAreKeptAndSoundIsInTime(
    _ pair: (source: String, ending: String)
  ) throws {
    let clip = try #require(TimedClip.all.first { $0.name == pair.source })
    let source = try clip.make()
    let output = Clips.path("muxed-\(pair.source).\(pair.ending)")
    let original = try Shown(source)
    let report = try mux(
      video: source, audio: try MuxTests.click(seconds: max(1.3, original.duration.seconds)),
      into: output)
    #expect(report.droppedStreams == 0)
    let muxed = try Shown(output)
    #expect(muxed.numbers == original.numbers)
    // Matroska and MPEG-TS keep coarser clocks.
    let tick = pair.ending == "mkv" || pair.ending == "webm" ? 0.00101 : 0.00003
    for (time, before) in zip(muxed.times, original.times) {
      #expect(abs((time - before).seconds) < tick)
    }
    // Between byte-stream and length-prefixed containers the same pictures are framed differently.
    if (pair.source == "film.ts") == (pair.ending == "ts") {
      #expect(try MuxTests.packets(output) == MuxTests.packets(source))
    }
    #expect(abs(try MuxTests.clickTime(output) - 1) < 0.0025)
  }

  /// Edit lists and late starts: the sound starts with the first frame that is shown.
  @Test(arguments: ["cut", "late"], ["mp4", "mkv"])
  func soundStartsWithTheFirstShownFrame(_ kind: String, ending: String) throws {
    let source =
      kind == "cut"
      ? try Clips.make(
        "cut-to-mux.mp4", ["-ss", "0.6", "-i", try TimedClip.all[0].make(), "-c", "copy"])
      : try Clips.make(
        "late-to-mux.mp4",
        ["-f", "lavfi", "-i", "sine=d=2:r=48000", "-itsoffset", "0.8"]
          + Clips.counter(rate: "25", frames: 40) + Clips.reordered
          + ["-map", "1:v", "-map", "0:a", "-c:a", "aac"])
    let original = try Shown(source)
    let output = Clips.path("muxed-\(kind).\(ending)")
    try mux(video: source, audio: try MuxTests.click(seconds: 1.6), into: output)
    let data = try Clips.run(
      "ffprobe",
      ["-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "csv=p=0", output])
    #expect(
      String(decoding: data, as: UTF8.self)
        == (ending == "mp4" ? "h264,video\naac,audio\n" : "h264,video\nflac,audio\n"))
    let muxed = try Shown(output)
    if ending == "mp4" {
      #expect(muxed.numbers == original.numbers)
      #expect(abs(try MuxTests.clickTime(output) - 1) < 0.0025)
    } else {
      // Matroska cannot hide the frames before the cut; the sound belongs to the first shown one.
      let hidden = try #require(muxed.numbers.firstIndex(of: original.numbers[0]))
      #expect(muxed.numbers.suffix(original.numbers.count) == original.numbers[...])
      let time = try MuxTests.clickTime(output) - muxed.times[hidden].seconds
      #expect(abs(time - 1) < 0.0025)
    }
  }

  @Test func soundOfARangeStartsLater() throws {
    let output = Clips.path("muxed-range.mp4")
    try mux(
      video: try TimedClip.all[0].make(), audio: try MuxTests.click(seconds: 1.2), into: output,
      audioStart: Rational(3, 4))
    #expect(abs(try MuxTests.clickTime(output) - 1.75) < 0.0025)
  }

  @Test func metadataSubtitlesChaptersAndRotationAreKept() throws {
    let subtitles = Clips.path("text.srt")
    try Data("1\n00:00:00,500 --> 00:00:01,000\nHello\n".utf8)
      .write(to: URL(fileURLWithPath: subtitles))
    let chapters = Clips.path("chapters.txt")
    try Data(
      """
      ;FFMETADATA1
      title=A title
      comment=A remark
      [CHAPTER]
      TIMEBASE=1/1000
      START=0
      END=1000
      title=First
      [CHAPTER]
      TIMEBASE=1/1000
      START=1000
      END=2400
      title=Second
      """.utf8
    ).write(to: URL(fileURLWithPath: chapters))
    let cover = try Clips.make(
      "small-cover.png", ["-f", "lavfi", "-i", "testsrc=s=40x40", "-frames:v", "1", "-update", "1"])
    let turned = Clips.path("turned.mp4")
    try TrackMatrix.rotate(try TimedClip.all[0].make(), degrees: 90, into: turned)
    let source = try Clips.make(
      "rich.mp4",
      [
        "-i", turned, "-i", subtitles, "-i", chapters, "-i", cover, "-f",
        "lavfi", "-i", "sine=d=2", "-map", "0:v", "-map", "4:a", "-map", "1:s", "-map", "3:v",
        "-map_metadata", "2", "-map_chapters", "2", "-c:v", "copy", "-c:a", "aac", "-c:s",
        "mov_text", "-metadata:s:s:0", "language=deu",
        "-disposition:v:1", "attached_pic", "-shortest",
      ])
    let sound = try MuxTests.click(seconds: 2.5)
    for ending in ["mp4", "mov", "mkv"] {
      let output = Clips.path("muxed-rich.\(ending)")
      let report = try mux(video: source, audio: sound, into: output)
      let rotation = try VideoReader(path: output).information.rotation
      #expect(report.lostRotation == (rotation != 90))
      // Older versions of the library have no rotation in Matroska.
      #expect(rotation == 90 || ending == "mkv")
      let text = String(
        decoding: try Clips.run(
          "ffprobe",
          [
            "-v", "error", "-show_entries",
            "format_tags:stream=codec_name:stream_tags=language"
              + ":chapter=start_time,end_time:chapter_tags",
            "-of", "compact", output,
          ]), as: UTF8.self)
      #expect(text.contains("title=A title"), "\(text)")
      #expect(text.contains("tag:title=First") && text.contains("tag:title=Second"), "\(text)")
      if ending == "mov" { #expect(text.contains("codec_name=mov_text"), "\(text)") }
      if ending == "mp4" {
        #expect(text.contains("codec_name=mov_text|tag:language=deu"), "\(text)")
        #expect(text.contains("codec_name=png"), "\(text)")
      }
      // The original's own sound is gone.
      #expect(text.components(separatedBy: "codec_name=aac").count <= 2)
    }
  }

  @Test func theSameInputGivesTheSameBytes() throws {
    let sound = try MuxTests.click(seconds: 2)
    for ending in ["mp4", "mkv"] {
      var files: [Data] = []
      for n in 0..<2 {
        let output = Clips.path("twice-\(n).\(ending)")
        try mux(video: try TimedClip.all[0].make(), audio: sound, into: output)
        files.append(try Data(contentsOf: URL(fileURLWithPath: output)))
      }
      #expect(files[0] == files[1])
    }
  }

  /// What is lossless stays so.
  @Test(arguments: [WaveEncoding.pcm16, .pcm24])
  func losslessSoundIsKeptBitByBit(_ encoding: WaveEncoding) throws {
    let sound = try MuxTests.click(seconds: 2, encoding: encoding)
    func decode(_ path: String) throws -> Data {
      try Clips.run(
        "ffmpeg",
        ["-v", "error", "-nostdin", "-i", path, "-map", "0:a", "-c:a", "pcm_s24le", "-f", "s24le"]
          + ["-"])
    }
    for (ending, kind) in [("mkv", MuxSound.automatic), ("mov", .pcm), ("mkv", .pcm)] {
      let output = Clips.path("lossless-\(encoding)-\(kind).\(ending)")
      try mux(
        video: try TimedClip.all[0].make(), audio: sound, into: output, sound: kind)
      #expect(try decode(output) == decode(sound))
    }
  }

  @Test func refusals() throws {
    let video = try TimedClip.all[0].make()
    let sound = try MuxTests.click(seconds: 1.2)
    func failure(_ video: String, _ sound: String, _ output: String) -> MediaError? {
      do {
        try mux(video: video, audio: sound, into: output)
        return nil
      } catch {
        return error
      }
    }
    let webm = Clips.path("refused.webm")
    #expect(
      failure(video, sound, webm)
        == .cannotCreate(
          file: webm, reason: "a .webm file cannot hold 'h264' video; .mkv can"))
    #expect(!FileManager.default.fileExists(atPath: webm + ".partial"))
    #expect(failure(video, sound, Clips.path("refused.xyz"))?.exitCode == 73)
    #expect(failure(video, sound, Clips.path("absent/refused.mp4"))?.exitCode == 73)
    #expect(failure(video, Clips.path("absent.wav"), Clips.path("x.mp4"))?.exitCode == 66)
    #expect(failure(video, video, Clips.path("x.mp4"))?.file == video)
    #expect(failure(sound, sound, Clips.path("x.mp4"))?.exitCode == 65)
    let full = Clips.path("full.mp4")
    try FileManager.default.createSymbolicLink(
      atPath: full + ".partial", withDestinationPath: "/dev/full")
    #expect(
      failure(video, sound, full)
        == .cannotWrite(file: full, reason: "No space left on device"))
  }
}
