import Foundation
import TestSupport
import Testing

/// What the program writes for other programs is what the schemas say.
@Suite(.serialized) struct SidecarTests {
  @Test func sidecar() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 9, in: folder)
      let run = try Program.run(
        [
          "generate", "clip.mp4", "-p", "rain", "--steps", "2", "--end", "8.5", "--sidecar",
          "s.json",
        ],
        in: folder)
      #expect(run.status == 0, "\(run.error)")
      let value = try JSONSerialization.jsonObject(
        with: Data(contentsOf: folder.appendingPathComponent("s.json")))
      #expect(try Schema("sidecar").faults(of: value) == [])
      let object = try #require(value as? [String: Any])
      #expect(object["samples"] as? Int == 408_000)
      #expect(try #require(object["durationDifference"] as? Double).magnitude < 0.001)
      let windows = try #require(object["windowTable"] as? [[String: Any]])
      #expect(windows.count == object["windows"] as? Int && windows.count == 2)
      #expect(windows.last?["end"] as? Double == 8.5)
      let loudness = try #require(object["loudness"] as? [String: Double])
      let measured = try Clips.loudness(of: "clip.wav", in: folder)
      #expect(abs(try #require(loudness["integrated"]) - measured.integrated) < 0.15)
      #expect(abs(try #require(loudness["truePeak"]) - measured.truePeak) < 0.2)
    }
  }

  @Test func records() throws {
    try withFolder { folder in
      try BatchTests.clips(2, in: folder)
      try BatchTests.write("junk", "clips/bad.mp4", in: folder)
      let run = try Program.run(
        ["batch", "clips", "--output-dir", "out", "--sidecar", "--steps", "2"], in: folder)
      #expect(run.status == 1)
      let schema = try Schema("results")
      let text = try String(
        contentsOf: folder.appendingPathComponent("out/results.jsonl"), encoding: .utf8)
      let records = try text.split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8))
      }
      #expect(records.count == 3)
      for record in records { #expect(schema.faults(of: record) == []) }
      // The hash beside a sound is the one of its record.
      let sidecar = try JSONSerialization.jsonObject(
        with: Data(contentsOf: folder.appendingPathComponent("out/c0.json")))
      #expect(try Schema("sidecar").faults(of: sidecar) == [])
      let hash = (sidecar as? [String: Any])?["hash"] as? String
      #expect(hash != nil && hash == (records[1] as? [String: Any])?["hash"] as? String)
    }
  }

  /// The checker finds what is wrong, or the tests above would say nothing.
  @Test(arguments: [
    (
      #"{"id": "", "video": "v", "status": "done", "outputs": [], "exitCode": 0, "attempts": 1, "seconds": 1}"#,
      "shorter"
    ),
    (
      #"{"video": "v", "status": "done", "outputs": [], "exitCode": 0, "attempts": 1, "seconds": 1}"#,
      "lacks id"
    ),
    (
      #"{"id": "a", "video": "v", "status": "odd", "outputs": [], "exitCode": 0, "attempts": 1, "seconds": 1}"#,
      "none of"
    ),
    (
      #"{"id": "a", "video": "v", "status": "done", "outputs": [1], "exitCode": 0, "attempts": 1, "seconds": 1}"#,
      "no string"
    ),
    (
      #"{"id": "a", "video": "v", "status": "done", "outputs": [], "exitCode": 0.5, "attempts": 1, "seconds": 1}"#,
      "no integer"
    ),
    (
      #"{"id": "a", "video": "v", "status": "done", "outputs": [], "exitCode": 0, "attempts": 0, "seconds": 1}"#,
      "below"
    ),
    (
      #"{"id": "a", "video": "v", "status": "done", "outputs": [], "exitCode": 0, "attempts": 1, "seconds": 1, "x": 1}"#,
      "unknown x"
    ),
    (
      #"{"id": "a", "video": "v", "status": "done", "outputs": [], "exitCode": 0, "attempts": 1, "seconds": 1, "hash": "1"}"#,
      "match"
    ),
  ]) func checker(_ text: String, _ fault: String) throws {
    let faults = try Schema("results").faults(
      of: JSONSerialization.jsonObject(with: Data(text.utf8)))
    #expect(faults.count == 1 && faults[0].contains(fault), "\(faults)")
  }
}

/// As much of JSON Schema as the schemas of the repository use; a keyword beyond it is a fault of the test.
struct Schema {
  private let root: [String: Any]

  init(_ name: String) throws {
    let url = Shared.repository.appendingPathComponent("Schemas/\(name).schema.json")
    root = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
  }

  func faults(of value: Any) -> [String] { faults(value, root, "") }

  private func faults(_ value: Any, _ schema: [String: Any], _ place: String) -> [String] {
    var faults: [String] = []
    func check(_ holds: Bool, _ text: String) { if !holds { faults.append("\(place): \(text)") } }
    for (keyword, wanted) in schema {
      switch keyword {
      case "$schema", "title", "description", "properties", "additionalProperties": break
      case "type": check(has(value, wanted as! String), "is no \(wanted)")
      case "const": check((value as? NSObject) == (wanted as? NSObject), "is not \(wanted)")
      case "enum":
        check((wanted as! [NSObject]).contains { $0 == value as? NSObject }, "is none of \(wanted)")
      case "minimum":
        check((value as? Double).map { $0 >= wanted as! Double } ?? true, "is below \(wanted)")
      case "minLength":
        check(
          (value as? String).map { $0.count >= wanted as! Int } ?? true, "is shorter than \(wanted)"
        )
      case "pattern":
        let matches = (value as? String)?.range(of: wanted as! String, options: .regularExpression)
        check(matches != nil, "does not match \(wanted)")
      case "required":
        guard let object = value as? [String: Any] else { break }
        for name in wanted as! [String] { check(object[name] != nil, "lacks \(name)") }
      case "items":
        for (index, item) in (value as? [Any] ?? []).enumerated() {
          faults += self.faults(item, wanted as! [String: Any], "\(place)[\(index)]")
        }
      default: check(false, "the schema's keyword \(keyword) is not known to this test")
      }
    }
    guard let object = value as? [String: Any] else { return faults }
    let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
    for (name, item) in object {
      let inner = "\(place).\(name)"
      if let known = properties[name] {
        faults += self.faults(item, known, inner)
      } else if let others = schema["additionalProperties"] as? [String: Any] {
        faults += self.faults(item, others, inner)
      } else if schema["additionalProperties"] as? Bool == false {
        check(false, "has unknown \(name)")
      }
    }
    return faults
  }

  private func has(_ value: Any, _ type: String) -> Bool {
    switch type {
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "string": value is String
    case "number": value is NSNumber
    case "integer": (value as? Double).map { $0 == $0.rounded() } ?? false
    default: false
    }
  }
}
