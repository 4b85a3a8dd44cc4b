import Foundation
import TestSupport
import Testing

/// What scene cuts and cues do to the sound, through the real binary.
@Suite struct SceneSoundTests {
  /// Decibels by which two sounds differ in tenths of a second, in bands of a rough spectrum: 0 for the same sound
  /// whatever its phases.
  private static func difference(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    func levels(_ sound: ArraySlice<Float>) -> [Double] {
      let sound = Array(sound)
      return stride(from: 0, to: sound.count - 4800, by: 4800).flatMap { start in
        // Differences of samples 1 to 64 apart are crude octave bands.
        [1, 4, 16, 64].map { step in
          var sum = 0.0
          for index in start..<min(start + 4800, sound.count - step) {
            let value = Double(sound[index + step] - sound[index])
            sum += value * value
          }
          return 10 * log10(sum / 4800 + 1e-7)
        }
      }
    }
    let pairs = zip(levels(a), levels(b))
    return pairs.reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(1, levels(a).count))
  }

  /// After a hard cut the sound is that of the new scene, whatever was before; and before it that of the old one,
  /// whatever comes after.
  @Test func soundDoesNotSmearAcrossACut() throws {
    try withFolder { folder in
      let cut = 10.0
      try Clips.two("cellauto=seed=1", "mandelbrot", cutAt: cut, seconds: 18, "a.mp4", in: folder)
      try Clips.two("testsrc2", "mandelbrot", cutAt: cut, seconds: 18, "b.mp4", in: folder)
      var sounds: [String: [Float]] = [:]
      for (name, options) in [("a", []), ("b", []), ("a-on", ["--cuts", "ignore"])] {
        let clip = String(name.prefix(1)) + ".mp4"
        let run = try Program.run(
          ["generate", clip, "-o", name + ".wav", "--no-align", "--json"] + options, in: folder)
        #expect(run.status == 0, "\(run.error)")
        let breaks = try #require(try run.object()["breaks"] as? [Double])
        #expect(breaks == (options.isEmpty ? [cut] : []))
        sounds[name] = try Clips.sound(of: name + ".wav", in: folder)
      }
      let (a, b, on) = (sounds["a"]!, sounds["b"]!, sounds["a-on"]!)
      let after = Int((cut + 0.1) * 48_000)
      let before = Int((cut - 1) * 48_000)
      let same = Self.difference(a[after...], b[after...])
      let carried = Self.difference(a[after..<after + 96_000], on[after..<after + 96_000])
      let other = Self.difference(a[..<before], b[..<before])
      #expect(same < 1, "\(same) dB between the sounds of one scene")
      #expect(carried > 2 * same, "going on across the cut makes no difference: \(carried) dB")
      // Motion that ends with its scene is no impact.
      func level(_ range: Range<Double>) -> Double {
        let part = a[Int(range.lowerBound * 48_000)..<Int(range.upperBound * 48_000)]
        return 10 * log10(part.reduce(1e-9) { $0 + Double($1 * $1) } / Double(part.count))
      }
      let (last, whole) = (level(cut - 0.1..<cut), level(0..<cut))
      #expect(last < whole + 3, "a thud before the cut: \(last) dB, the scene \(whole) dB")
      #expect(other > 3, "the clips sound alike before the cut: \(other) dB")
    }
  }

  /// The parts of a clip with a prompt of their own sound as they would alone.
  @Test func cuesSayWhatAndWhen() throws {
    try withFolder { folder in
      try Clips.still("clip.mp4", seconds: 20, in: folder)
      try Data(
        "start,end,prompt\n0,8,rain on a roof\n8,20,a hammer strikes an anvil\n9.5,,\n12,,\n".utf8
      )
      .write(to: folder.appendingPathComponent("cues.csv"))
      let run = try Program.run(
        [
          "generate", "clip.mp4", "--cues", "cues.csv", "-o", "out.wav", "--events", "events.json",
          "--json",
        ], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let report = try run.object()
      #expect(report["breaks"] as? [Double] == [8])
      let events = try #require(report["events"] as? [[String: Any]])
      #expect(events.map { $0["time"] as? Double } == [9.5, 12])
      let sound = try Clips.sound(of: "out.wav", in: folder)
      func level(_ range: Range<Double>) -> Double {
        let part = sound[Int(range.lowerBound * 48_000)..<Int(range.upperBound * 48_000)]
        return 10 * log10(part.reduce(1e-9) { $0 + Double($1 * $1) } / Double(part.count))
      }
      // Rain all the time; the hammer at the two events.
      #expect(abs(level(2..<4) - level(4..<6)) < 6)
      #expect(level(12..<12.2) > level(11.7..<11.95) + 6)
      #expect(level(9.5..<9.7) > level(9.2..<9.45) + 6)
      // Ranges count for what a journal belongs to.
      let other = try Program.run(
        ["generate", "clip.mp4", "-p", "rain on a roof", "-o", "rain.wav"], in: folder)
      #expect(other.status == 0)
      let rain = try Clips.sound(of: "rain.wav", in: folder)
      #expect(Self.difference(sound[24_000..<300_000], rain[24_000..<300_000]) < 3)
    }
  }

  @Test func cuesBeyondTheEndAreTold() throws {
    try withFolder { folder in
      try Clips.still("clip.mp4", seconds: 2, in: folder)
      try Data("1,,\n7,,\n9,12,rain\n".utf8).write(to: folder.appendingPathComponent("cues.csv"))
      let run = try Program.run(
        ["generate", "clip.mp4", "--cues", "cues.csv", "--steps", "2", "-o", "out.wav"], in: folder)
      #expect(run.status == 0)
      #expect(run.error.contains("2 of 3 cues lie beyond the clip's end at 2.0 s"), "\(run.error)")
    }
  }

  /// A scene's windows stay where they are when a run goes on, and when a part is made again.
  @Test func scenesAndTheJournal() throws {
    try withFolder { folder in
      try Clips.two("testsrc2", "mandelbrot", cutAt: 9, seconds: 24, "clip.mp4", in: folder)
      let command = ["generate", "clip.mp4", "--steps", "2", "-o"]
      #expect(try Program.run(command + ["whole.wav", "--keep-journal"], in: folder).status == 0)
      let whole = try Data(contentsOf: folder.appendingPathComponent("whole.wav"))
      let journal = try Data(contentsOf: folder.appendingPathComponent("whole.wav.journal"))
      try journal.prefix(journal.count * 2 / 3).write(
        to: folder.appendingPathComponent("torn.wav.journal"))
      let run = try Program.run(command + ["torn.wav", "--resume"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(try Data(contentsOf: folder.appendingPathComponent("torn.wav")) == whole)

      let retake = try Program.run(
        ["retake", "whole.wav", "--from", "10", "--to", "12", "--seed", "3", "-o", "new.wav"],
        in: folder)
      #expect(retake.status == 0, "\(retake.error)")
      let (old, new) = (
        try Clips.sound(of: "whole.wav", in: folder), try Clips.sound(of: "new.wav", in: folder)
      )
      let changed = old.indices.filter { abs(old[$0] - new[$0]) > 1e-3 }
      #expect(!changed.isEmpty)
      let first = Double(changed.first ?? 0) / 48_000
      #expect(first > 9, "a retake in the second scene changes the first, at \(first) s")
    }
  }
}
