/// The `bext` chunk of a broadcast wave file (EBU Tech 3285, version 2): what made the sound, where it lies on the
/// clock of the day, and how loud it is.
///
/// It holds no date, for that would give the same sound other bytes; what stamps the file in a workflow can add one.
public struct BroadcastExtension: Sendable, Equatable {
  /// What is heard; 256 characters of ASCII at most, the rest is left out.
  public var description: String
  /// Who made it, 32 characters at most.
  public var originator: String
  /// A name for this very sound, 32 characters at most.
  public var reference: String
  /// Samples from midnight to the first one.
  public var timeReference: UInt64
  /// Integrated loudness in LUFS, range in LU, true peak in dB of full scale; nil: not known.
  public var loudness: Double?
  public var loudnessRange: Double?
  public var truePeak: Double?
  /// How it was coded, a line for each step.
  public var codingHistory: [String]

  public init(
    description: String, originator: String, reference: String, timeReference: UInt64 = 0,
    codingHistory: [String] = []
  ) {
    self.description = description
    self.originator = originator
    self.reference = reference
    self.timeReference = timeReference
    self.codingHistory = codingHistory
  }

  /// The chunk's content; its size depends on the coding history alone.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func number(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }
    bytes += BroadcastExtension.ascii(description, 256)
    bytes += BroadcastExtension.ascii(originator, 32)
    bytes += BroadcastExtension.ascii(reference, 32)
    bytes += [UInt8](repeating: 0, count: 10 + 8)  // date and time
    number(timeReference)
    number(UInt16(2))
    bytes += [UInt8](repeating: 0, count: 64)  // UMID
    number(BroadcastExtension.hundredths(loudness))
    number(BroadcastExtension.hundredths(loudnessRange))
    number(BroadcastExtension.hundredths(truePeak))
    // The loudest moment and the loudest 3 s are not measured.
    number(BroadcastExtension.unknown)
    number(BroadcastExtension.unknown)
    bytes += [UInt8](repeating: 0, count: 180)
    let history = codingHistory.map { $0 + "\r\n" }.joined()
    bytes += BroadcastExtension.ascii(history, history.utf8.count)
    // libsndfile rounds sizes of chunks up so.
    return bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
  }

  private static let unknown: Int16 = 0x7FFF

  private static func hundredths(_ value: Double?) -> Int16 {
    guard let value, abs(value) < 300 else { return unknown }
    return Int16((value * 100).rounded())
  }

  /// The text with what is not ASCII replaced, cut or filled up to a length.
  private static func ascii(_ text: String, _ length: Int) -> [UInt8] {
    let characters = text.prefix(length).flatMap { character -> [UInt8] in
      if character == "\r\n" { return [13, 10] }
      return [character.asciiValue ?? UInt8(ascii: "?")]
    }.prefix(length)
    return characters + [UInt8](repeating: 0, count: length - characters.count)
  }
}

/// A named place in a sound, as a wave file's `cue ` chunk has it.
public struct CuePoint: Sendable, Equatable {
  /// Samples from the start.
  public var sample: Int
  public var label: String

  public init(sample: Int, label: String) {
    self.sample = sample
    self.label = label
  }

  /// The chunks `cue ` and, with the names, `LIST` of type `adtl`, which follow the samples. Places beyond what the
  /// chunk can tell, 24 hours, are left out.
  static func chunks(_ points: [CuePoint]) -> [UInt8] {
    let points = points.filter { (0..<Int(UInt32.max)).contains($0.sample) }
    guard !points.isEmpty else { return [] }
    var cue: [UInt8] = []
    var labels: [UInt8] = Array("adtl".utf8)
    func word(_ value: Int) -> [UInt8] {
      withUnsafeBytes(of: UInt32(value).littleEndian) { Array($0) }
    }
    cue += word(points.count)
    for (index, point) in points.enumerated() {
      cue += word(index + 1) + word(point.sample) + Array("data".utf8) + word(0) + word(0)
      cue += word(point.sample)
      let text = word(index + 1) + Array(point.label.utf8) + [0]
      labels += Array("labl".utf8) + word(text.count) + text + (text.count % 2 == 1 ? [0] : [])
    }
    return Array("cue ".utf8) + word(cue.count) + cue + Array("LIST".utf8) + word(labels.count)
      + labels
  }
}
