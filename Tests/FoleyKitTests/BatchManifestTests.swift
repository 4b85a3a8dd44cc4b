import Foundation
import TestSupport
import Testing

@testable import FoleyKit

/// What a batch is to do, from the many ways to write it down.
@Suite struct BatchManifestTests {
  private func manifest(_ text: String, _ name: String = "clips.jsonl") throws -> BatchManifest {
    try withFolder { folder in
      let url = folder.appendingPathComponent(name)
      try Data(text.utf8).write(to: url)
      return try BatchManifest(path: url.path)
    }
  }

  @Test func objects() throws {
    let items = try manifest(
      """
      {"id": "a", "video": "/v/a.mp4", "prompt": "rain, \\"heavy\\"", "negative_prompt": "wind", "seed": 7}
      # a comment, and an empty line

      {"id": 12, "video": "/v/b.mp4", "start": "0:20", "end": 30.5, "output": "sub/b.wav", "cues": "/v/b.csv"}
      /v/plain name.mp4
      """
    ).items
    #expect(items.map(\.id) == ["a", "12", "plain name"])
    #expect(items.allSatisfy { $0.fault == nil })
    #expect(items[0].prompt == "rain, \"heavy\"")
    #expect(items[0].negativePrompt == "wind")
    #expect(items[0].seed == 7)
    #expect((items[1].start, items[1].end) == ("0:20", "30.5"))
    #expect(items[1].place == "sub/b")
    #expect(items[1].cues == "/v/b.csv")
    #expect(items[2].video == "/v/plain name.mp4")
  }

  @Test(arguments: ["index,video,prompt", "index,video,text", "prompt,index,video"])
  func table(head: String) throws {
    let row = head.hasPrefix("prompt") ? "\"rain, heavy\",3,/v/a.mp4" : "3,/v/a.mp4,\"rain, heavy\""
    let items = try manifest("\u{FEFF}\(head)\r\n\(row)\r\n", "clips.csv").items
    #expect(items.map(\.id) == ["3"])
    #expect(items[0].prompt == "rain, heavy")
    #expect(items[0].video == "/v/a.mp4")
  }

  @Test func tableWithoutVideos() {
    #expect(throws: FoleyError.self) { try manifest("a,b\n1,2\n", "clips.csv") }
    #expect(throws: FoleyError.self) { try manifest("", "clips.csv") }
  }

  /// A line that cannot be used is one failed item, and no more than that.
  @Test(arguments: [
    ("{\"id\": \"a\"", "is no JSON object"),
    ("{\"id\": \"a\"}", "names no video"),
    ("{\"video\": \"-\"}", "names no video"),
    ("{\"video\": [\"a.mp4\"]}", "neither text nor number"),
    ("{\"id\": \"../a\", \"video\": \"a.mp4\"}", "holds a slash"),
    ("{\"id\": \"..\", \"video\": \"a.mp4\"}", "leads out of"),
    ("{\"id\": \".a\", \"video\": \"a.mp4\"}", "visible"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"output\": \"../a.wav\"}", "leads out of"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"output\": \"/tmp/a.wav\"}", "leads out of"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"output\": \"b/../../a.wav\"}", "leads out of"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"output\": \"b//a\"}", "visible"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"seed\": -1}", "the seed"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"seed\": 1.5}", "the seed"),
    ("{\"id\": \"a\", \"video\": \"a.mp4\", \"start\": \"soon\"}", "is no time"),
  ]) func fault(_ line: String, _ reason: String) throws {
    let items = try manifest("/v/good.mp4\n" + line + "\n").items
    #expect(items.count == 2)
    #expect(items[0].fault == nil)
    let fault = try #require(items[1].fault)
    #expect(fault.hasPrefix("line 2: "))
    #expect(fault.contains(reason), "\(fault)")
    #expect(!items[1].id.contains("/") && !items[1].id.hasPrefix("."))
  }

  @Test func twice() throws {
    let same = #"{"id": "a", "video": "/v/a.mp4"}"# + "\n"
    let once = try manifest(same + same)
    #expect(once.items.count == 1)
    #expect(once.warnings.count == 1)
    #expect(throws: FoleyError.self) {
      try manifest(same + #"{"id": "a", "video": "/v/b.mp4"}"#)
    }
    // The same file by way of an id and of an output.
    #expect(throws: FoleyError.self) {
      try manifest(same + #"{"id": "b", "video": "/v/b.mp4", "output": "a.wav"}"#)
    }
  }

  /// Clips of one name, from two folders, are told apart in the same way in either order.
  @Test func sameNames() throws {
    let lines = ["/v/a.mp4", "/w/a.mp4", "/w/b.mp4"]
    let one = try manifest(lines.joined(separator: "\n")).items
    let other = try manifest(lines.reversed().joined(separator: "\n")).items
    #expect(Set(one.map(\.id)).count == 3)
    #expect(one.sorted { $0.id < $1.id } == other.sorted { $0.id < $1.id })
    #expect(one[2].id == "b")
  }

  @Test func unknownFields() throws {
    let read = try manifest(
      #"{"video": "/v/a.mp4", "promt": "rain"}"# + "\n" + #"{"video": "/v/b.mp4", "promt": {}}"#)
    #expect(read.warnings.count == 1)
    #expect(read.warnings[0].contains("'promt'"))
    #expect(read.items.allSatisfy { $0.fault == nil })
  }

  @Test func folder() throws {
    try withFolder { folder in
      func write(_ name: String, _ text: String = "") throws {
        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
      }
      try write("b.mp4")
      try write("b.txt", "rain\n")
      try write("a.MOV")
      try write("notes.md")
      try write(".hidden.mp4")
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("c.mp4"), withIntermediateDirectories: false)
      try FileManager.default.createSymbolicLink(
        at: folder.appendingPathComponent("d.mp4"),
        withDestinationURL: URL(fileURLWithPath: "b.mp4"))
      try FileManager.default.createSymbolicLink(
        at: folder.appendingPathComponent("e.mp4"), withDestinationURL: folder)
      let items = try BatchManifest(path: folder.path).items
      #expect(items.map(\.id) == ["a", "b", "d"])
      #expect(items.map(\.prompt) == [nil, "rain", nil])
    }
  }

  /// Relative paths begin at the manifest, wherever the program runs.
  @Test func relativePaths() throws {
    try withFolder { folder in
      try Data().write(to: folder.appendingPathComponent("a.mp4"))
      let url = folder.appendingPathComponent("clips.txt")
      try Data("a.mp4\n".utf8).write(to: url)
      let items = try BatchManifest(path: url.path).items
      #expect(items[0].video == folder.appendingPathComponent("a.mp4").path)
    }
  }

  @Test func seeds() throws {
    let items = (0..<1000).map { BatchItem(id: "\($0)", video: "v") }
    #expect(Set(items.map { $0.seed(ofBatch: 0) }).count == 1000)
    #expect(items.allSatisfy { $0.seed(ofBatch: 0) < 1 << 53 })
    #expect(items[0].seed(ofBatch: 0) != items[0].seed(ofBatch: 1))
    // The same on every machine and for ever: sounds that were made must be made again.
    #expect(BatchItem(id: "c1", video: "").seed(ofBatch: 0) == 3_006_700_025_947_037)
    var own = items[0]
    own.seed = .max
    #expect(own.seed(ofBatch: 5) == .max)
  }

  @Test(arguments: ["jsonl", "csv"]) func large(_ ending: String) throws {
    var text = ending == "csv" ? "index,video,prompt\n" : ""
    for index in 0..<10_000 {
      text +=
        ending == "csv"
        ? "\(index),/v/\(index).mp4,\"a hammer strikes an anvil, number \(index)\"\n"
        : "{\"id\": \"\(index)\", \"video\": \"/v/\(index).mp4\", \"prompt\": \"a hammer, \(index)\"}\n"
    }
    let began = ContinuousClock.now
    #expect(try manifest(text, "clips." + ending).items.count == 10_000)
    #expect(ContinuousClock.now - began < .seconds(1))
  }
}

/// Which part of a batch is whose.
@Suite struct BatchShardTests {
  @Test(arguments: 1...9) func partition(count: Int) throws {
    for index in 0..<50 {
      let holders = (1...count).filter { BatchShard(number: $0, of: count)!.holds(index) }
      #expect(holders.count == 1)
    }
  }

  @Test func bounds() {
    #expect(BatchShard(number: 0, of: 3) == nil)
    #expect(BatchShard(number: 4, of: 3) == nil)
    #expect(BatchShard(number: 1, of: 0) == nil)
  }

  @Test func jobQueues() throws {
    #expect(try BatchShard.ofJobQueue([:]) == nil)
    // A single Slurm job, and a Kubernetes job that is not indexed, say nothing.
    #expect(try BatchShard.ofJobQueue(["SLURM_JOB_ID": "7"]) == nil)
    let array = [
      "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1",
      "SLURM_ARRAY_TASK_STEP": "2",
    ]
    #expect(try BatchShard.ofJobQueue(array) == BatchShard(number: 4, of: 4))
    let indexed = ["JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "8"]
    #expect(try BatchShard.ofJobQueue(indexed) == BatchShard(number: 1, of: 8))
    #expect(throws: FoleyError.self) { try BatchShard.ofJobQueue(["JOB_COMPLETION_INDEX": "0"]) }
    #expect(throws: FoleyError.self) {
      try BatchShard.ofJobQueue(["JOB_COMPLETION_INDEX": "8", "JOB_COMPLETIONS": "8"])
    }
    #expect(throws: FoleyError.self) {
      try BatchShard.ofJobQueue(["SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "4"])
    }
  }
}
