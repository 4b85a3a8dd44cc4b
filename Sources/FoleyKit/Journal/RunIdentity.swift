import Foundation
import Synchronization

/// Everything that decides the bytes of a run's sound, by name: two runs with the same values make the same
/// sound, so the windows of one can stand in for those of the other.
public struct RunIdentity: Codable, Equatable, Sendable {
  public let values: [String: String]

  /// - Throws: where the model's files cannot be told.
  init(
    _ request: GenerationRequest, _ settings: SamplingSettings, model: any ModelDescription,
    precision: Precision?
  ) throws {
    var values = [
      "program": ProgramVersion.current,
      "prompt": request.prompt,
      "negative prompt": request.negativePrompt ?? model.negativePrompt,
      "seed": String(request.seed),
      "steps": String(settings.steps),
      "guidance": String(settings.guidance),
      "sampler": settings.solver.rawValue,
      "alignment": request.aligns ? "on" : "off",
      "cuts": request.followsCuts ? "followed" : "ignored",
      "precision": precision?.rawValue ?? "the model's own",
    ]
    switch request.source {
    case .black(let seconds): values["clip"] = "black, \(seconds) s"
    case .video(let path, let start, let end, let pictureSeconds):
      values["clip"] = FileFingerprint.of(path)
      values["start"] = start.map { "\($0) s" } ?? "its beginning"
      values["end"] = end.map { "\($0) s" } ?? "its end"
      values["seconds of the picture"] = pictureSeconds.map { "\($0)" } ?? "not given"
    }
    values["noise"] = request.noiseFile.map(FileFingerprint.of) ?? "by seed"
    if let events = request.givenEvents {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      values["events"] = SHA256.hash([UInt8](try encoder.encode(events)))
    } else {
      values["events"] = "as seen"
    }
    if let cues = request.cues {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      values["cues"] = SHA256.hash([UInt8](try encoder.encode(cues)))
    } else {
      values["cues"] = "none"
    }
    let files =
      try model.checkpoints().map(\.file)
      + [model.folder.file(ModelFolder.configurationFile)].filter {
        FileManager.default.fileExists(atPath: $0)
      }
    for file in files {
      values["model file \((file as NSString).lastPathComponent)"] = FileFingerprint.of(file)
    }
    self.values = values
  }

  /// A hash of all of it, and of what else `other` names, such as the kind of file.
  ///
  /// - Returns: 64 hexadecimal digits.
  public func digest(with other: [String: String] = [:]) -> String {
    let all = values.merging(other.map { ("output: " + $0, $1) }) { $1 }
    let text = all.sorted { $0.key < $1.key }.map { "\($0.key)\u{1}\($0.value)" }
    return SHA256.hash([UInt8](text.joined(separator: "\u{0}").utf8))
  }

  /// What another run has otherwise, as "seed (7, now 9)", in the order of the names.
  func differences(from other: RunIdentity) -> [String] {
    Set(values.keys).union(other.values.keys).sorted().compactMap { name in
      let (own, others) = (values[name] ?? "nothing", other.values[name] ?? "nothing")
      guard own != others else { return nil }
      return max(own.count, others.count) > 40 ? name : "\(name) (\(others), now \(own))"
    }
  }
}

/// Tells files apart without reading them whole: their length and what stands at their start, middle and end.
enum FileFingerprint {
  private static let piece = 1 << 18

  /// What was found before, by the file's place on the disk, length and time of change: a batch asks for the model's
  /// files again for every clip.
  private static let known = Mutex<[String: String]>([:])

  /// Standard input cannot be read twice, so all of them are one. A file that cannot be read has none: whoever
  /// needs it will say why, and better.
  static func of(_ path: String) -> String {
    guard path != "-" else { return "standard input" }
    var status = stat()
    guard stat(path, &status) == 0 else { return "unreadable" }
    let (changed, made) = (status.st_mtim, status.st_ctim)
    let state =
      "\(status.st_dev) \(status.st_ino) \(status.st_size) \(changed.tv_sec) \(changed.tv_nsec) "
      + "\(made.tv_sec) \(made.tv_nsec)"
    if let found = known.withLock({ $0[state] }) { return found }
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }  // Opened for reading: closing it cannot lose anything.
      let length = Int(try file.seekToEnd())
      var bytes: [UInt8] = []
      for start in Set([0, (length - piece) / 2, length - piece].map { max(0, $0) }).sorted() {
        try file.seek(toOffset: UInt64(start))
        bytes += try file.read(upToCount: piece) ?? Data()
      }
      let found = "\(length) bytes, \(SHA256.hash(bytes))"
      known.withLock { $0[state] = found }
      return found
    } catch {
      return "unreadable"
    }
  }
}
