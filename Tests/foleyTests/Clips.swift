import Foundation
import Testing

/// Clips made on the spot with the `ffmpeg` tool.
enum Clips {
  /// A box that moves and bounces off the sides, 25 frames a second.
  ///
  /// - Parameter offset: of its times, in seconds, where the container keeps that.
  static func moving(
    _ name: String, seconds: Double, rate: String = "25", offset: Double = 0, in folder: URL
  ) throws {
    try make(
      [
        "-f", "lavfi", "-i", "color=0x303030:s=320x180:r=\(rate):d=\(seconds)", "-f", "lavfi", "-i",
        "color=0xE0C060:s=40x40:r=\(rate):d=\(seconds)", "-filter_complex",
        "overlay=x='140+100*sin(3*t)':y='140-abs(120*cos(4*t))'", "-pix_fmt", "yuv420p",
      ] + (offset > 0 ? ["-output_ts_offset", "\(offset)"] : []), name, in: folder)
  }

  /// Two of the tool's moving test pictures, with options if need be, and a hard cut between them.
  static func two(
    _ first: String, _ second: String, cutAt cut: Double, seconds: Double, _ name: String,
    in folder: URL
  ) throws {
    func source(_ name: String) -> String {
      name + (name.contains("=") ? ":" : "=") + "s=320x180:r=25"
    }
    try make(
      [
        "-f", "lavfi", "-i", source(first), "-f", "lavfi", "-i", source(second),
        "-filter_complex",
        "[0]trim=duration=\(cut),format=yuv420p[a];"
          + "[1]trim=duration=\(seconds - cut),format=yuv420p[b];[a][b]concat=n=2",
        // Without loss: the second scene is the same to the bit whatever the first.
        "-qp", "0",
      ], name, in: folder)
  }

  /// A scene in which nothing happens.
  static func still(_ name: String, seconds: Double, in folder: URL) throws {
    try make(
      [
        "-f", "lavfi", "-i", "smptebars=s=320x180:r=25:d=\(seconds)", "-pix_fmt", "yuv420p",
      ], name, in: folder)
  }

  static func sound(_ name: String, in folder: URL) throws {
    try make(["-f", "lavfi", "-i", "sine=d=1"], name, in: folder)
  }

  static func picture(_ name: String, in folder: URL) throws {
    try make(["-f", "lavfi", "-i", "testsrc=s=320x240:d=1", "-frames:v", "1"], name, in: folder)
  }

  static func make(_ arguments: [String], _ name: String, in folder: URL) throws {
    _ = try tool(["-y", "-v", "error"] + arguments + ["-bitexact", name], in: folder)
  }

  /// Another container around the same packets, by options of the ffmpeg tool.
  static func remuxed(
    _ source: String, _ name: String, _ options: [String] = [], in folder: URL
  ) throws {
    try make(["-i", source, "-map", "0", "-c", "copy"] + options, name, in: folder)
  }

  /// A clip a number of times over.
  static func looped(_ source: String, _ name: String, times: Int, in folder: URL) throws {
    try make(["-stream_loop", String(times - 1), "-i", source, "-c", "copy"], name, in: folder)
  }

  /// Metadata of a file as a whole.
  static func tags(of name: String, in folder: URL) throws -> [String: String] {
    let format = try probe(name, in: folder)["format"] as? [String: Any]
    return format?["tags"] as? [String: String] ?? [:]
  }

  /// What ffprobe tells of a file: `format`, `streams`, `chapters`.
  static func probe(_ name: String, in folder: URL) throws -> [String: Any] {
    let data = try tool(
      ["-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json", name],
      in: folder, program: "ffprobe")
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// Hash of each packet of a file's video stream, with its times.
  static func videoPackets(_ name: String, in folder: URL) throws -> [String] {
    try packets(name, "0:v", in: folder)
  }

  /// The same of another stream, such as `0:a:1`.
  static func packets(_ name: String, _ stream: String, in folder: URL) throws -> [String] {
    let data = try tool(
      ["-v", "error", "-i", name, "-map", stream, "-c", "copy", "-f", "framemd5", "-"], in: folder)
    return String(decoding: data, as: UTF8.self).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
      // Container clocks differ; the order, the size and the content of packets must not.
      .map { $0.split(separator: ",").suffix(2).joined(separator: ",") }
  }

  /// Decoded sound of a file, 48 kHz.
  static func sound(of name: String, in folder: URL, channels: Int = 1) throws -> [Float] {
    let data = try tool(
      [
        "-v", "error", "-i", name, "-map", "0:a", "-ar", "48000", "-ac", "\(channels)", "-f",
        "f32le", "-",
      ],
      in: folder)
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  /// Loudness in LUFS and true peak in dB, as the ffmpeg tool measures them.
  static func loudness(of name: String, in folder: URL) throws -> (
    integrated: Double, truePeak: Double
  ) {
    let data = try tool(
      ["-nostats", "-i", name, "-af", "ebur128=peak=true", "-f", "null", "-"], in: folder,
      wantsError: true)
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    func last(_ name: String) throws -> Double {
      let line = try #require(lines.last { $0.contains(name + ":") }, "no \(name) was told")
      return try #require(
        line.split(separator: ":").last?.split(separator: " ").first.flatMap { Double($0) })
    }
    return (try last("I"), try last("Peak"))
  }

  private static func tool(
    _ arguments: [String], in folder: URL, program: String = "ffmpeg", wantsError: Bool = false
  ) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    if wantsError { process.standardError = pipe } else { process.standardOutput = pipe }
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) \(arguments.joined(separator: " "))")
    return data
  }
}

/// A WAVE file as far as these tests must know it.
struct Wave {
  let channels: Int
  let sampleRate: Int
  let bits: Int
  /// 1 whole numbers, 3 floating point.
  let kind: Int
  let data: Data

  init(_ url: URL) throws { try self.init(Data(contentsOf: url)) }

  init(_ file: Data) throws {
    let bytes = [UInt8](file)
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
    try #require(bytes.count >= 12 && bytes[8..<12].elementsEqual("WAVE".utf8), "not a WAVE file")
    var position = 12
    var format: Int?
    while position + 8 <= bytes.count {
      let size = number(position + 4, 4)
      let name = String(decoding: bytes[position..<position + 4], as: UTF8.self)
      if name == "fmt " { format = position + 8 }
      if name == "data" {
        let start = try #require(format)
        kind = number(start, 2)
        channels = number(start + 2, 2)
        sampleRate = number(start + 4, 4)
        bits = number(start + 14, 2)
        let end = min(bytes.count, position + 8 + size)
        data = Data(bytes[position + 8..<end])
        return
      }
      position += 8 + size + size % 2
    }
    throw Missing()
  }

  struct Missing: Error {}

  /// Samples of each channel.
  var count: Int { data.count / (channels * bits / 8) }

  /// The samples of a 16-bit file, -1...1.
  var samples: [Float] {
    precondition(bits == 16)
    return data.withUnsafeBytes { raw in
      raw.bindMemory(to: Int16.self).map { Float(Int16(littleEndian: $0)) / 32768 }
    }
  }
}
