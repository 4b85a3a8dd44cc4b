import Foundation
import TestSupport
import Testing

/// `foley compare`, and the recipe for regression tests that the README gives, through the real binary.
@Suite(.serialized) struct CompareTests {
  /// Clicks over faint noise; `change` alters the samples.
  private func write(
    _ name: String, late: Double = 0, gain: Float = 1, seconds: Double = 8, in folder: URL,
    change: (inout [Float]) -> Void = { _ in }
  ) throws {
    var noise = WhiteNoise(seed: 2)
    var samples = noise.samples(Int((seconds * 48_000).rounded()), level: 0.002)
    for time in stride(from: 0.5, to: seconds - 0.3, by: 0.9) {
      let start = Int((time + late) * 48_000)
      for offset in 0..<9600 where start + offset < samples.count {
        samples[start + offset] += 0.4 * noise.next() * exp(-Float(offset) / 1500)
      }
    }
    samples = samples.map { $0 * gain }
    change(&samples)
    try writeWave(samples, to: folder.appendingPathComponent(name))
  }

  private func compare(
    _ sound: String, _ options: [String] = [], in folder: URL
  ) throws -> (run: Run, found: [String: Any], broken: [String]) {
    let run = try Program.run(["compare", sound, "reference.wav", "--json"] + options, in: folder)
    let object = try run.object()
    return (
      run, try #require(object["comparison"] as? [String: Any]),
      try #require(object["broken"] as? [String])
    )
  }

  @Test func theSameSoundPasses() throws {
    try withFolder { folder in
      try write("reference.wav", in: folder)
      try write("a.wav", in: folder)
      let (run, found, broken) = try compare("a.wav", ["--exact"], in: folder)
      #expect(run.status == 0 && broken.isEmpty, "\(run.error)")
      #expect(found["isIdentical"] as? Bool == true)
      #expect(found["spectralDistance"] as? Double == 0)
      #expect(found["levelDifference"] as? Double == 0)
      let onsets = try #require(found["onsets"] as? [String: Any])
      #expect(onsets["reference"] as? Int == 8 && onsets["matched"] as? Int == 8)
      let text = try Program.run(["compare", "a.wav", "reference.wav"], in: folder)
      #expect(text.status == 0 && text.error.isEmpty)
      try expectSnapshot(text.text, "compare")
    }
  }

  /// Every kind of change is found by its own measure, with its size, and by no other.
  @Test func changesAreMeasured() throws {
    try withFolder { folder in
      try write("reference.wav", in: folder)

      try write("loud.wav", gain: pow(10, 2 / 20), in: folder)
      let loud = try compare("loud.wav", in: folder)
      #expect(abs(try #require(loud.found["levelDifference"] as? Double) - 2) < 0.02)
      #expect(loud.run.status == 1 && loud.broken.count == 1, "\(loud.broken)")
      #expect(loud.run.error.hasPrefix("loud.wav: level difference in LU: 2.0"))
      #expect(try compare("loud.wav", ["--max-level", "2.1"], in: folder).run.status == 0)

      try write("late.wav", late: 0.015, in: folder)
      let late = try compare("late.wav", ["--max-spectral", "20"], in: folder)
      let onsets = try #require(late.found["onsets"] as? [String: Any])
      #expect(abs(try #require(onsets["medianShift"] as? Double) - 15) < 1.5)
      #expect(late.broken.count == 1 && late.broken[0].hasPrefix("median onset shift"))

      try write("short.wav", in: folder) { $0.removeLast(100) }
      let short = try compare("short.wav", in: folder)
      #expect(short.found["durationDifference"] as? Int == -100)
      #expect(short.broken.count == 1 && short.broken[0].hasPrefix("samples more"))

      // One pole: the highs are gone, and little else.
      try write("dull.wav", in: folder) { samples in
        var state: Float = 0
        for index in samples.indices {
          state += 0.1 * (samples[index] - state)
          samples[index] = state
        }
      }
      let dull = try compare("dull.wav", ["--max-level", "30"], in: folder)
      #expect(try #require(dull.found["longTermDistance"] as? Double) > 5)
      #expect(dull.broken.contains { $0.hasPrefix("spectral distance") })

      try write("one.wav", in: folder) { $0[1000] += 2 / 32_768 }
      let one = try compare("one.wav", in: folder)
      #expect(one.run.status == 0 && one.found["isIdentical"] as? Bool == false)
      #expect(try #require(one.found["residual"] as? Double) < -80)
      #expect(try compare("one.wav", ["--exact"], in: folder).broken == ["samples differ"])

      try write("silent.wav", in: folder) { $0 = $0.map { _ in 0 } }
      let silent = try compare("silent.wav", in: folder)
      #expect(silent.found["levelDifference"] as? String == "-inf")
      #expect(silent.broken.count == 3, "level, spectrum, onsets: \(silent.broken)")
    }
  }

  /// A tail that one file alone has leaves what both have where it was.
  @Test func aLongerFileIsComparedWhereBothAre() throws {
    try withFolder { folder in
      try write("reference.wav", in: folder)
      try write("long.wav", in: folder) { $0 += [Float](repeating: 0, count: 100_000) }
      let (_, found, _) = try compare("long.wav", in: folder)
      #expect(try #require(found["spectralDistance"] as? Double) < 0.01)
    }
  }

  @Test func mistakes() throws {
    try withFolder { folder in
      try write("reference.wav", in: folder)
      try Data("text".utf8).write(to: folder.appendingPathComponent("a.wav"))
      for (arguments, status, message) in [
        (["a.wav", "reference.wav"], 65, "a.wav: not a sound file"),
        (["reference.wav", "none.wav"], 66, "none.wav: no such file"),
        (["reference.wav", "reference.wav", "--max-level=-1"], 64, "a limit is 0 or more"),
        (["reference.wav", "reference.wav", "--min-matched", "3"], 64, "give a share from 0 to 1"),
      ] {
        let run = try Program.run(["compare"] + arguments, in: folder)
        #expect(run.status == Int32(status))
        #expect(run.error.contains(message), "\(run.error)")
      }
    }
  }

  /// The recipe of the README: references are recorded, hold for other numbers of threads, and are broken by
  /// another seed.
  @Test func regressionRecipe() throws {
    try withFolder { folder in
      let clips = folder.appendingPathComponent("clips")
      try FileManager.default.createDirectory(at: clips, withIntermediateDirectories: true)
      try Clips.moving("clips/box.mp4", seconds: 3, in: folder)
      try Clips.moving("clips/quick box.mkv", seconds: 2, rate: "30", in: folder)
      try Data("a hammer strikes an anvil".utf8).write(
        to: clips.appendingPathComponent("quick box.txt"))
      func regression(_ arguments: [String], options: String = "") throws -> (Int32, String) {
        let process = Process()
        process.executableURL = Shared.repository.appendingPathComponent("Scripts/regression")
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging([
          "FOLEY": Program.binary.path, "FOLEY_OPTIONS": "--steps 2 " + options,
          "FOLEY_MODELS": Shared.repository.appendingPathComponent("Models").path,
        ]) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(
          decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
      }
      let recorded = try regression(["--record", "clips"])
      #expect(recorded.0 == 0, "\(recorded.1)")
      #expect(
        try files(in: clips) == [
          "box.flac", "box.mp4", "quick box.flac", "quick box.mkv", "quick box.txt",
        ])
      let same = try regression(["clips", "--exact"], options: "--threads 1")
      #expect(same.0 == 0, "\(same.1)")
      #expect(same.1 == "ok      box\nok      quick box\n")
      let other = try regression(["clips"], options: "--seed 9")
      #expect(other.0 == 1 && other.1.contains("FAILED  box"), "\(other.1)")
      #expect(try regression(["nowhere"]).0 == 64)
      #expect(try regression([folder.path]).0 == 66)
    }
  }
}
