import Foundation
import Testing

@testable import Media

@Suite struct BroadcastTests {
  @Test(
    arguments: [
      ("01:00:00:00", "25", 3600.0), ("00:00:10:12", "24", 10.5),
      ("10:00:00:00", "24000/1001", 36036.0),
      // Numbers that are dropped: an hour of the clock is an hour.
      ("01:00:00;00", "30000/1001", 3600 - 0.0036), ("00:01:00;02", "30000/1001", 60.06),
      ("00:10:00;00", "60000/1001", 600 - 0.0006), ("00:00:01:00", "30", 1.0),
    ] as [(String, String, Double)]) func timecode(text: String, rate: String, seconds: Double)
    throws
  {
    let parts = rate.split(separator: "/").compactMap { Int64($0) }
    let code = try #require(
      Timecode(text, rate: Rational(parts[0], parts.count > 1 ? parts[1] : 1)))
    #expect(abs(code.time.seconds - seconds) < 1e-6, "\(code.time.seconds)")
    #expect(code.description == text)
  }

  @Test(arguments: ["", "1:2:3", "00:00:00:25", "24:00:00:00", "00:60:00:00", "aa:bb:cc:dd"])
  func noTimecode(text: String) { #expect(Timecode(text, rate: Rational(25)) == nil) }

  /// What the ffmpeg tool reads of the chunk, in both kinds of file.
  @Test(arguments: [false, true]) func theChunkIsRead(isOpenEnded: Bool) throws {
    let path = Clips.path("bext-\(isOpenEnded).wav")
    let broadcast = BroadcastExtension(
      description: "a dog’s bark", originator: "foley", reference: "take 1",
      timeReference: 172_800_000_123, codingHistory: ["A=PCM,F=48000,W=16,M=mono,T=foley"])
    let writer = try WaveWriter(
      path: path, expectedFrames: isOpenEnded ? nil : 1001, broadcast: broadcast)
    try writer.write([Float](repeating: 0.25, count: 1001))
    writer.broadcast?.loudness = -23.04
    writer.broadcast?.truePeak = -1.5
    writer.cues = [CuePoint(sample: 480, label: "event 0.90"), CuePoint(sample: 999, label: "cut")]
    try writer.finish()
    let data = try Clips.run(
      "ffprobe",
      ["-v", "error", "-show_entries", "format_tags:format=duration", "-of", "json", path])
    let probe = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    let format = try #require(probe["format"] as? [String: Any])
    let tags = try #require(format["tags"] as? [String: String])
    #expect(tags["comment"] == "a dog?s bark")
    #expect(tags["encoded_by"] == "foley" && tags["originator_reference"] == "take 1")
    #expect(tags["time_reference"] == "172800000123")
    #expect(tags["coding_history"] == "A=PCM,F=48000,W=16,M=mono,T=foley\r\n")

    // Chunk by chunk, as the standard has them.
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    func word(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
    #expect(word(4) == bytes.count - 8)
    var chunks: [String: Range<Int>] = [:]
    var place = 12
    while place + 8 <= bytes.count {
      let end = place + 8 + word(place + 4)
      chunks[String(decoding: bytes[place..<place + 4], as: UTF8.self)] = place + 8..<end
      place = end + (end & 1)
    }
    #expect(place == bytes.count)
    let bext = try #require(chunks["bext"]).lowerBound
    #expect(try bext < #require(chunks["data"]).lowerBound)
    func short(_ at: Int) -> Int16 { Int16(bitPattern: UInt16(word(at) & 0xFFFF)) }
    #expect(short(bext + 346) == 2, "the version that has loudness")
    #expect(short(bext + 412) == -2304 && short(bext + 414) == 0x7FFF && short(bext + 416) == -150)
    let cue = try #require(chunks["cue "]).lowerBound
    #expect(word(cue) == 2 && word(cue + 4 + 20) == 480 && word(cue + 28 + 20) == 999)
    let list = try #require(chunks["LIST"])
    #expect(String(decoding: bytes[list], as: UTF8.self).contains("event 0.90"))
    // libsndfile finds the same cues, and the samples are untouched.
    #expect(try SoundReader(path: path).frames == 1001)
  }

  @Test func samplesOnTheDisk() throws {
    let folder = Clips.path("store")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let store = try SampleStore(for: folder + "/a.wav", channels: 2)
    try store.append([1, 2, 3, 4])
    try store.append([5, 6])
    #expect(store.frames == 3)
    #expect(try store.read(from: 1, frames: 9) == [3, 4, 5, 6])
    #expect(try store.read(from: 3, frames: 1).isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty, "it has no name")
    #expect(throws: MediaError.self) { try SampleStore(for: "/nowhere/a.wav") }
  }
}
