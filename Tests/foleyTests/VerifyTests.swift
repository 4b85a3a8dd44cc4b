import Foundation
import TestSupport
import Testing

/// `foley verify` through the real binary.
@Suite(.serialized) struct VerifyTests {
  /// A sound of clicks at these times over faint noise, as 16-bit WAVE.
  private func clicks(_ times: [Double], seconds: Double, to url: URL) throws {
    var noise = WhiteNoise(seed: 2)
    var samples = noise.samples(Int((seconds * 48_000).rounded()), level: 0.001)
    for time in times {
      let start = Int(time * 48_000)
      for offset in 0..<4800 where start + offset < samples.count {
        samples[start + offset] += 0.4 * noise.next() * exp(-Float(offset) / 800)
      }
    }
    try writeWave(samples, to: url)
  }

  private static let events = (0..<30).map { 1 + 4 * Double($0) }

  private func setUp(_ folder: URL, seconds: Double = 122) throws {
    try Clips.still("clip.mp4", seconds: seconds, in: folder)
    let list = Self.events.filter { $0 < seconds }.map { #"{"time":\#($0),"strength":0.9}"# }
    try Data("{\"events\":[\(list.joined(separator: ","))]}".utf8)
      .write(to: folder.appendingPathComponent("events.json"))
  }

  private func verify(
    _ sound: String, _ options: [String] = [], in folder: URL
  ) throws -> (run: Run, found: [String: Any], broken: [String]) {
    let run = try Program.run(
      ["verify", sound, "--video", "clip.mp4", "--events", "events.json", "--json"] + options,
      in: folder)
    let object = try run.object()
    return (
      run, try #require(object["verification"] as? [String: Any]),
      try #require(object["broken"] as? [String])
    )
  }

  @Test func aRightSoundPasses() throws {
    try withFolder { folder in
      try setUp(folder)
      try clicks(Self.events, seconds: 122, to: folder.appendingPathComponent("a.wav"))
      let (run, found, broken) = try verify("a.wav", ["--plot", "a.png"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(broken.isEmpty)
      #expect(found["durationDifference"] as? Int == 0)
      let sync = try #require(found["sync"] as? [String: Any])
      #expect(sync["matched"] as? Int == 30)
      #expect(try #require(sync["worstDistance"] as? Double) < 5)
      #expect(abs(try #require(sync["drift"] as? Double)) < 20)
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("a.png").path))
    }
  }

  /// 0.25 ms in a second is 0.9 s in an hour.
  @Test func driftIsFound() throws {
    try withFolder { folder in
      try setUp(folder)
      let late = Self.events.map { $0 + 0.000_25 * $0 }
      try clicks(late, seconds: 122, to: folder.appendingPathComponent("a.wav"))
      let (run, found, broken) = try verify("a.wav", in: folder)
      #expect(run.status == 1)
      let sync = try #require(found["sync"] as? [String: Any])
      #expect(abs(try #require(sync["drift"] as? Double) - 900) < 60)
      #expect(broken.count == 1 && broken[0].hasPrefix("drift in ms an hour"))
      #expect(run.error.contains("a.wav: drift"))
    }
  }

  @Test func holesAndLengthAreFound() throws {
    try withFolder { folder in
      try setUp(folder, seconds: 20)
      var noise = WhiteNoise(seed: 8)
      var samples = noise.samples(20 * 48_000 + 7, level: 0.1)
      for index in 240_000..<242_000 { samples[index] = 0 }
      try writeWave(samples, to: folder.appendingPathComponent("a.wav"))
      let (run, found, broken) = try verify("a.wav", in: folder)
      #expect(run.status == 1)
      #expect(found["durationDifference"] as? Int == 7)
      let dropouts = try #require(found["dropouts"] as? [[String: Double]])
      #expect(dropouts.count == 1)
      #expect(abs(try #require(dropouts.first?["start"]) - 5) < 0.001)
      #expect(broken.count == 2)
      #expect(
        try verify(
          "a.wav", ["--max-duration-difference", "7", "--max-dropouts", "1"], in: folder
        ).run.status == 0)
    }
  }

  @Test func loudnessIsThatOfFFmpeg() throws {
    try withFolder { folder in
      try setUp(folder, seconds: 20)
      // At a quarter of the rate a wave's crests fall between the samples.
      let samples = (0..<20 * 48_000).map { index in
        0.5 * sin(Float.pi / 2 * Float(index % 4) + 0.8) * (0.6 + 0.4 * sin(Float(index) / 60_000))
      }
      try writeWave(samples, to: folder.appendingPathComponent("a.wav"))
      let (_, found, _) = try verify("a.wav", in: folder)
      let told = try Clips.loudness(of: "a.wav", in: folder)
      #expect(abs(try #require(found["loudness"] as? Double) - told.integrated) < 0.1)
      #expect(abs(try #require(found["truePeak"] as? Double) - told.truePeak) < 0.2)
    }
  }

  @Test func foreignFilesAreTold() throws {
    try withFolder { folder in
      try setUp(folder, seconds: 2)
      for (sound, status, message) in [
        ("clip.mp4", 65, "clip.mp4: not a sound file"), ("none.wav", 66, "none.wav: no such file"),
        (".", 66, ".: is a folder"),
      ] {
        let run = try Program.run(["verify", sound, "--video", "clip.mp4"], in: folder)
        #expect(run.status == Int32(status))
        #expect(run.error.contains(message), "\(run.error)")
      }
      try clicks([], seconds: 2, to: folder.appendingPathComponent("a.wav"))
      let run = try Program.run(["verify", "a.wav", "--video", "a.wav"], in: folder)
      #expect(run.status == 65)
    }
  }
}
