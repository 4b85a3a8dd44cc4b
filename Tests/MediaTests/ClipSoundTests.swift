import Foundation
import Testing

@testable import Media

/// A clip's own sound on the clock of its pictures.
@Suite struct ClipSoundTests {
  private static func all(_ sound: ClipSound) throws -> [Float] {
    var samples: [Float] = []
    while true {
      let piece = try sound.read(frames: 1000)
      if piece.isEmpty { return samples }
      samples += piece
    }
  }

  /// Seconds at which the left channel is loudest.
  private static func peak(_ samples: [Float], channels: Int) -> Double {
    let left = stride(from: 0, to: samples.count, by: channels).map { abs(samples[$0]) }
    return Double(left.indices.max { left[$0] < left[$1] } ?? 0) / 48_000
  }

  private static func clip(
    _ name: String, sound: [String], rate: Int, channels: Int, before: [String] = []
  ) throws -> String {
    let click = "if(between(t,1,1.0005),0.9,0)"
    let source = "aevalsrc='" + Array(repeating: click, count: channels).joined(separator: "'|'")
    return try Clips.make(
      name,
      before + ["-f", "lavfi", "-i", source + "':s=\(rate):d=3"]
        + Clips.counter(rate: "25", frames: 1000) + ["-map", "1:v", "-map", "0:a", "-t", "3"]
        + sound)
  }

  /// Lead-ins of codecs, other rates and coarse clocks do not move it by more than half a millisecond, or the
  /// container's own tick.
  @Test(
    arguments: [
      ("aac.mp4", ["-c:a", "aac"], 48_000, 2), ("aac44.mov", ["-c:a", "aac"], 44_100, 1),
      ("opus.mp4", ["-c:a", "libopus"], 48_000, 2), ("mp3.mkv", ["-c:a", "libmp3lame"], 44_100, 2),
      ("pcm.mov", ["-c:a", "pcm_s16le"], 22_050, 1), ("flac.mkv", ["-c:a", "flac"], 96_000, 2),
      ("ac3.ts", ["-c:a", "ac3"], 48_000, 2), ("surround.mkv", ["-c:a", "flac"], 48_000, 6),
    ] as [(String, [String], Int, Int)])
  func itIsInTime(name: String, codec: [String], rate: Int, channels: Int) throws {
    let path = try Self.clip("own-" + name, sound: codec, rate: rate, channels: channels)
    let video = try VideoReader(path: path).information
    let sound = try #require(try ClipSound(path: path, start: video.startTime))
    #expect(sound.channels == min(2, channels))
    let samples = try Self.all(sound)
    #expect(abs(Double(samples.count / sound.channels) / 48_000 - 3) < 0.06)
    let tolerance = name.hasSuffix("mkv") ? 0.0012 : 0.0008
    #expect(abs(Self.peak(samples, channels: sound.channels) - 1) < tolerance)
    // A part of the clip, and one channel made of all.
    let part = try #require(
      try ClipSound(path: path, start: video.startTime + Rational(3, 4), channels: 1))
    let mono = try Self.all(part)
    #expect(abs(Self.peak(mono, channels: 1) - 0.25) < tolerance)
    #expect(try #require(mono.map(abs).max()) <= 1.1, "a mean is not louder than its channels")
  }

  /// Sound that starts after the pictures, or before them.
  @Test(arguments: ["0.7", "-0.4"], ["mp4", "mkv"])
  func anotherStart(_ offset: String, ending: String) throws {
    let path = try Self.clip(
      "own-offset\(offset).\(ending)", sound: ["-c:a", "aac"], rate: 48_000, channels: 1,
      before: ["-itsoffset", offset])
    let video = try VideoReader(path: path).information
    let sound = try #require(try ClipSound(path: path, start: video.startTime))
    let peak = Self.peak(try Self.all(sound), channels: 1)
    #expect(abs(peak - 1 - Double(offset)!) < 0.0015, "\(peak)")
  }

  /// Far into a long clip it is the same as from its start.
  @Test func seeking() throws {
    let path = try Clips.make(
      "own-long.mp4",
      ["-f", "lavfi", "-i", "aevalsrc='0.5*sin(440*2*PI*t)*sin(t)':s=48000:d=40"]
        + Clips.counter(rate: "25", frames: 1000) + ["-map", "1:v", "-map", "0:a", "-c:a", "aac"])
    let whole = try Self.all(#require(try ClipSound(path: path, start: .zero)))
    let late = try Self.all(#require(try ClipSound(path: path, start: Rational(30))))
    #expect(late.count == whole.count - 30 * 48_000)
    let differences = zip(late, whole.suffix(late.count)).map { abs($0 - $1) }
    #expect(try #require(differences.max()) < 1e-4)
  }

  /// Where packets are missing there is silence, and what follows is in its place.
  @Test func aGap() throws {
    let gap = try Clips.make(
      "own-gap-sound.mkv",
      [
        "-f", "lavfi", "-i", "aevalsrc='0.5*sin(440*2*PI*t)':s=48000:d=3", "-af",
        "aselect='not(between(t,1,2))'", "-c:a", "pcm_s16le",
      ])
    let path = try Clips.make(
      "own-gap.mkv",
      ["-i", gap] + Clips.counter(rate: "25", frames: 1000)
        + ["-map", "1:v", "-map", "0:a", "-c:a", "copy", "-t", "3"])
    let samples = try Self.all(#require(try ClipSound(path: path, start: .zero)))
    #expect(abs(samples.count - 144_000) < 100)
    func level(_ seconds: Range<Double>) -> Float {
      let part = samples.prefix(Int(seconds.upperBound * 48_000))
        .dropFirst(Int(seconds.lowerBound * 48_000))
      return part.map(abs).max() ?? 0
    }
    #expect(level(0.1..<0.95) > 0.49 && level(1.1..<1.9) == 0 && level(2.1..<2.9) > 0.49)
  }

  /// Broadcast streams begin their clock anew: what follows goes on, holes in it are holes, and no hours are made up.
  @Test func aClockThatJumps() throws {
    let first = try Self.clip("own-ac3.ts", sound: ["-c:a", "ac3"], rate: 48_000, channels: 2)
    let hole = try Clips.make(
      "own-hole.mkv",
      [
        "-f", "lavfi", "-i", "aevalsrc='0.5*sin(440*2*PI*t)':s=48000:d=4", "-af",
        "aselect='not(between(t,1,3))'", "-c:a", "ac3", "-ac", "2",
      ])
    let second = try Clips.make(
      "own-hole.ts",
      ["-i", hole] + Clips.counter(rate: "25", frames: 1000)
        + ["-map", "1:v", "-map", "0:a", "-c:a", "copy", "-t", "4", "-output_ts_offset", "5000"])
    let path = Clips.path("own-jump.ts")
    try
      (Data(contentsOf: URL(fileURLWithPath: first))
      + Data(contentsOf: URL(fileURLWithPath: second)))
      .write(to: URL(fileURLWithPath: path))
    let video = try VideoReader(path: path).information
    let samples = try Self.all(
      #require(try ClipSound(path: path, start: video.startTime, channels: 1)))
    let seconds = Double(samples.count) / 48_000
    #expect(abs(seconds - 7) < 0.3, "\(seconds) s")
    func level(_ range: Range<Double>) -> Float {
      samples.prefix(Int(range.upperBound * 48_000)).dropFirst(Int(range.lowerBound * 48_000))
        .map(abs).max() ?? 0
    }
    #expect(abs(Self.peak(Array(samples.prefix(100_000)), channels: 1) - 1) < 0.001)
    #expect(level(3.3..<3.8) > 0.3 && level(4.4..<5.7) < 0.01 && level(6.3..<6.7) > 0.3)
  }

  /// Damage is passed over, and what follows it stays in its place.
  @Test(arguments: ["aac.mp4", "ac3.ts"]) func damage(name: String) throws {
    let codec = name.split(separator: ".")[0]
    let source = try Self.clip(
      "own-" + name, sound: ["-c:a", "\(codec)"], rate: 48_000, channels: 2)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: source))
    // In the first half of the file; the click comes at a third of the clip, and may be lost.
    for place in stride(from: 4000, to: bytes.count / 2, by: 97) { bytes[place] ^= 0x5A }
    let path = Clips.path("own-damaged-" + name)
    try bytes.write(to: URL(fileURLWithPath: path))
    guard let sound = try ClipSound(path: path, start: .zero) else { return }
    let samples = try Self.all(sound)
    #expect(samples.count > 48_000 && samples.allSatisfy { $0.isFinite })
    // Times of MPEG-TS stand in its packets and are damaged with them; those of MP4 stand in its index.
    if name == "aac.mp4" { #expect(abs(samples.count / 2 - 3 * 48_000) < 3000) }
    try Data(bytes.prefix(bytes.count / 2)).write(to: URL(fileURLWithPath: path))
    do {
      if let cut = try ClipSound(path: path, start: .zero) { _ = try Self.all(cut) }
    } catch let error as MediaError {
      #expect(error.file == path)
    }
  }

  @Test func clipsWithoutSound() throws {
    #expect(try ClipSound(path: TimedClip.all[0].make(), start: .zero) == nil)
    #expect(throws: MediaError.self) { try ClipSound(path: "/nowhere.mp4", start: .zero) }
  }

  @Test func samplesBeyondItsEndAreSilence() throws {
    let path = try Self.clip("own-aac.mp4", sound: ["-c:a", "aac"], rate: 48_000, channels: 2)
    let sound = try #require(try ClipSound(path: path, start: .zero))
    let store = try SampleStore(for: Clips.path("a.wav"), channels: 2)
    try store.append(sound, frames: 200_000)
    #expect(store.frames == 200_000)
    #expect(try store.read(from: 190_000, frames: 10_000).allSatisfy { $0 == 0 })
  }
}
