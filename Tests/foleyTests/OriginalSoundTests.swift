import Foundation
import TestSupport
import Testing

/// What becomes of a clip's own streams and sound, through the real binary and judged by the ffmpeg tool.
@Suite(.serialized) struct OriginalSoundTests {
  @discardableResult
  private func generate(_ arguments: [String], in folder: URL) throws -> Run {
    let run = try Program.run(
      ["generate"] + arguments + ["--steps", "2", "-q", "--json"], in: folder)
    try #require(run.status == 0, "\(run.error)")
    return run
  }

  /// A clip with all there is: reordered pictures, two sounds in two languages, subtitles, chapters, time code, tags.
  private func rich(_ ending: String, in folder: URL) throws {
    try Data("1\n00:00:00,500 --> 00:00:01,500\nHello\n".utf8)
      .write(to: folder.appendingPathComponent("text.srt"))
    try Data(
      """
      ;FFMETADATA1
      title=A film
      artist=Somebody
      [CHAPTER]
      TIMEBASE=1/1000
      START=0
      END=1000
      title=One
      [CHAPTER]
      TIMEBASE=1/1000
      START=1000
      END=3000
      title=Two
      """.utf8
    ).write(to: folder.appendingPathComponent("chapters.txt"))
    try Clips.moving("plain.mp4", seconds: 3, in: folder)
    let isWebM = ending == "webm"
    let codecs =
      isWebM
      ? ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"]
      : ["-c:v", "libx264", "-bf", "2", "-c:a:0", "aac", "-c:a:1", "ac3"]
    try Clips.make(
      [
        "-i", "plain.mp4", "-f", "lavfi", "-i",
        "aevalsrc=0.2*sin(2000*PI*t)|0.2*sin(1000*PI*t):s=44100:d=3", "-f", "lavfi", "-i",
        "sine=f=300:r=48000:d=3", "-i", "text.srt", "-i", "chapters.txt", "-map", "0:v", "-map",
        "1:a", "-map", "2:a", "-map", "3:s", "-map_metadata", "4", "-map_chapters", "4",
      ] + codecs + [
        "-c:s", ["mov": "mov_text", "mp4": "mov_text", "mkv": "srt", "webm": "webvtt"][ending]!,
        "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", "-metadata:s:v",
        "timecode=01:00:00:00",
      ], "rich.\(ending)", in: folder)
  }

  private struct Stream {
    let kind: String
    let codec: String
    let language: String?
    let timecode: String?
    let isDefault: Bool
  }

  private func streams(_ name: String, in folder: URL) throws -> [Stream] {
    let probe = try Clips.probe(name, in: folder)
    return try #require(probe["streams"] as? [[String: Any]]).map { stream in
      let tags = (stream["tags"] as? [String: String] ?? [:])
        .reduce(into: [:]) { $0[$1.key.lowercased()] = $1.value }
      return Stream(
        kind: stream["codec_type"] as? String ?? "", codec: stream["codec_name"] as? String ?? "",
        language: tags["language"] == "und" ? nil : tags["language"], timecode: tags["timecode"],
        isDefault: (stream["disposition"] as? [String: Int])?["default"] == 1)
    }
  }

  /// Everything the clip has is in the new file, the packets of pictures and sounds bit for bit; the new sound is
  /// added in the container's own codec.
  @Test(arguments: [("mov", "aac"), ("mp4", "aac"), ("mkv", "flac"), ("webm", "opus")])
  func allStreamsAreKept(ending: String, codec: String) throws {
    try withFolder { folder in
      let (source, output) = ("rich.\(ending)", "new.\(ending)")
      try rich(ending, in: folder)
      let run = try generate(
        [source, "-p", "rain", "--mux", output, "--original", "keep"], in: folder)
      #expect(try run.object()["warnings"] as? [String] == [], "nothing is lost")
      let (old, new) = (try streams(source, in: folder), try streams(output, in: folder))
      #expect(new.count == old.count + 1)
      let (before, after) = (old.filter { $0.kind == "audio" }, new.filter { $0.kind == "audio" })
      #expect(before.count == 2 && after.count == 3)
      #expect(after[0].codec == codec && after[0].isDefault)
      #expect(after[1...].map(\.codec) == before.map(\.codec))
      #expect(after[1...].map(\.language) == before.map(\.language))
      #expect(!after[1].isDefault && !after[2].isDefault, "players take the new sound")
      for kind in ["subtitle", "data"] {
        #expect(
          new.filter { $0.kind == kind }.map(\.codec) == old.filter { $0.kind == kind }.map(\.codec)
        )
      }
      #expect(new[0].timecode == "01:00:00:00")
      #expect(
        try Clips.videoPackets(output, in: folder) == Clips.videoPackets(source, in: folder))
      for sound in 0..<2 {
        let packets = try [
          Clips.packets(source, "0:a:\(sound)", in: folder),
          Clips.packets(output, "0:a:\(sound + 1)", in: folder),
        ]
        // Matroska cannot hide what comes before the first picture, an encoder's lead-in: that is left out.
        let lost = packets[0].count - packets[1].count
        #expect(
          lost <= (["mkv", "webm"].contains(ending) ? 1 : 0)
            && Array(packets[0].dropFirst(lost)) == packets[1])
      }
      let chapters = try #require(
        try Clips.probe(output, in: folder)["chapters"] as? [[String: Any]])
      #expect(chapters.map { ($0["tags"] as? [String: String])?["title"] } == ["One", "Two"])
      let tags = try Clips.tags(of: output, in: folder)
        .reduce(into: [:]) { $0[$1.key.lowercased()] = $1.value }
      #expect(tags["title"] == "A film" && tags["artist"] == "Somebody")

      try generate([source, "-p", "rain", "--mux", output, "--overwrite"], in: folder)
      #expect(
        try streams(output, in: folder).filter { $0.kind == "audio" }.map(\.codec) == [codec],
        "replaced")
    }
  }

  /// What the container cannot hold is told, and the rest is there.
  @Test func whatDoesNotFitIsTold() throws {
    try withFolder { folder in
      try Clips.moving("plain.mp4", seconds: 1, in: folder)
      try Clips.make(
        [
          "-i", "plain.mp4", "-f", "lavfi", "-i", "sine=d=1", "-map", "0:v", "-map", "1:a", "-c:v",
          "copy", "-c:a", "pcm_s16le",
        ], "clip.mkv", in: folder)
      let run = try generate(
        ["clip.mkv", "-p", "rain", "--mux", "new.mp4", "--original", "keep"], in: folder)
      #expect(
        try run.object()["warnings"] as? [String]
          == ["new.mp4: 1 streams of the clip do not fit this container"])
      #expect(try streams("new.mp4", in: folder).map(\.codec) == ["h264", "aac"])
    }
  }

  /// The parts of a retaken broadcast wave are those of the run before.
  @Test func aBroadcastWaveCanBeRetaken() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 9, in: folder)
      try generate(
        ["clip.mp4", "-p", "rain", "-o", "a.bwf", "--keep-journal"], in: folder)
      let before = try Clips.tags(of: "a.bwf", in: folder)
      let run = try Program.run(
        ["retake", "a.bwf", "--from", "2", "--to", "4", "--seed", "5", "-q"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(try Clips.tags(of: "a.bwf", in: folder) == before)
      #expect(before["coding_history"]?.hasPrefix("A=PCM,F=48000") == true)
    }
  }

  @Test func rotationIsKept() throws {
    try withFolder { folder in
      try Clips.moving("plain.mp4", seconds: 1, in: folder)
      try TrackMatrix.rotate(
        folder.appendingPathComponent("plain.mp4").path, degrees: 90,
        into: folder.appendingPathComponent("turned.mp4").path)
      for ending in ["mp4", "mov"] {
        try generate(["turned.mp4", "-p", "rain", "--mux", "a.\(ending)"], in: folder)
        let probe = try Program.run(["probe", "a.\(ending)", "--json"], in: folder).object()
        #expect((probe["clip"] as? [String: Any])?["rotation"] as? Int == 90)
      }
    }
  }

  /// Level in dB of a tone in one channel of a file.
  private func tone(
    _ hertz: Double, _ channel: Int, _ wave: Wave, from: Double, to: Double
  ) -> Double {
    let samples = wave.samples
    let frames = Int(from * 48_000)..<Int(to * 48_000)
    var (real, imaginary) = (0.0, 0.0)
    for frame in frames {
      let angle = 2 * Double.pi * hertz * Double(frame) / 48_000
      let value = Double(samples[frame * wave.channels + channel])
      real += value * cos(angle)
      imaginary += value * sin(angle)
    }
    return 20 * log10(2 * (real * real + imaginary * imaginary).squareRoot() / Double(frames.count))
  }

  @Test func mixedAndDucked() throws {
    try withFolder { folder in
      try rich("mov", in: folder)
      let base = ["rich.mov", "-p", "rain", "--gain", "-20"]
      try generate(
        base + ["--original", "mix", "--original-gain", "-6", "-o", "a.wav", "--mux", "a.mov"],
        in: folder)
      let mixed = try Wave(folder.appendingPathComponent("a.wav"))
      #expect(mixed.channels == 2 && mixed.count == 144_000, "as many as the clip's own sound has")
      let quarter = 20 * log10(0.2) - 6
      #expect(abs(tone(1000, 0, mixed, from: 0.5, to: 2.5) - quarter) < 0.1)
      #expect(abs(tone(500, 1, mixed, from: 0.5, to: 2.5) - quarter) < 0.1)
      #expect(tone(500, 0, mixed, from: 0.5, to: 2.5) < -50)
      #expect(try streams("a.mov", in: folder).filter { $0.kind == "audio" }.count == 1)

      // Louder than where ducking is complete: all of the depth, all of the time.
      try generate(
        ["rich.mov", "-p", "rain", "--gain", "25", "--original", "duck", "--duck-depth", "20"]
          + ["--channels", "1", "--true-peak", "0", "-o", "b.wav"], in: folder)
      let ducked = try Wave(folder.appendingPathComponent("b.wav"))
      #expect(ducked.channels == 1)
      #expect(tone(1000, 0, ducked, from: 0.5, to: 2.5) < 20 * log10(0.1) - 15)
      // Part of a clip: its own sound from there on.
      try generate(
        base + ["--original", "mix", "--start", "1", "--end", "2", "-o", "c.wav"], in: folder)
      #expect(try Wave(folder.appendingPathComponent("c.wav")).count == 48_000)

      try Clips.moving("silent.mp4", seconds: 1, in: folder)
      let silent = try generate(["silent.mp4", "-p", "rain", "--original", "mix"], in: folder)
      #expect(
        try silent.object()["warnings"] as? [String]
          == ["the clip has no sound of its own that could be mixed in"])
    }
  }

  /// The parts add up to the whole, number for number, whatever their order; each has a take of its own.
  @Test func stems() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 3, in: folder)
      let (rain, steps) = (
        ["--stem", "rain=rain on a roof"], ["--stem", "steps=footsteps on gravel"]
      )
      for (name, more) in [("a.wav", rain + steps), ("b.wav", steps + rain)] {
        let run = try generate(["clip.mp4", "-o", name] + more, in: folder)
        let delivery = try #require(try run.object()["delivery"] as? [String: Any])
        let stems = try #require(delivery["stems"] as? [[String: Any]])
        #expect(
          Set(stems.compactMap { $0["file"] as? String })
            == [
              name.replacing(".wav", with: ".rain.wav"), name.replacing(".wav", with: ".steps.wav"),
            ])
        let seeds = stems.compactMap { $0["seed"] as? UInt64 }
        #expect(seeds.count == 2 && seeds[0] != seeds[1])
      }
      func numbers(_ name: String) throws -> [Int] {
        try Wave(folder.appendingPathComponent(name)).samples.map { Int($0 * 32_768) }
      }
      let whole = try numbers("a.wav")
      let (one, other) = (try numbers("a.rain.wav"), try numbers("a.steps.wav"))
      #expect(whole.count == 144_000 && zip(one, other).map(+) == whole)
      #expect(try #require(one.map(abs).max()) > 100 && other.map(abs).max()! > 100)
      // Dither depends on the place of a part among the others, nothing else does.
      let again = try numbers("b.rain.wav")
      #expect(zip(one, again).allSatisfy { abs($0 - $1) <= 3 })

      try generate(
        ["clip.mp4", "-o", "c.flac", "--channels", "2", "--loudness", "-24", "--format", "flac"]
          + rain + steps, in: folder)
      let flac = try ["c.flac", "c.rain.flac", "c.steps.flac"].map { name in
        try Clips.sound(of: name, in: folder, channels: 2).map { Int(($0 * 32_768).rounded()) }
      }
      #expect(flac[0].count == 288_000 && zip(flac[1], flac[2]).map(+) == flac[0])
      #expect(abs(try Clips.loudness(of: "c.flac", in: folder).integrated + 24) < 0.1)
      #expect(
        try files(in: folder).filter { $0.hasSuffix("journal") || $0.hasSuffix("partial") }.isEmpty)
    }
  }
}
