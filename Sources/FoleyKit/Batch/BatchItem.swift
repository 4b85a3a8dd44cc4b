/// One clip of a batch: what its line of the manifest says. What is absent is as the command line has it.
public struct BatchItem: Codable, Sendable, Equatable {
  /// Names the outputs and the record; no two items of a batch share one.
  public var id: String
  public var video: String
  public var prompt: String?
  public var negativePrompt: String?
  public var seed: UInt64?
  /// Times as on the command line: seconds, or with colons.
  public var start: String?
  public var end: String?
  /// A CSV file of cues.
  public var cues: String?
  /// Of the sound, within the output folder; by default the id.
  public var output: String?
  /// A plan of `foley plan`, and which of its parts, from 1, is to be made; what is to be heard stands in the plan.
  public var plan: String?
  public var part: Int?
  /// Why this line of the manifest cannot be used; such an item fails without having been tried.
  public var fault: String?

  public init(id: String, video: String, prompt: String? = nil, fault: String? = nil) {
    (self.id, self.video, self.prompt, self.fault) = (id, video, prompt, fault)
  }

  /// The seed of an item that names none: by the batch's seed and the item's id alone, so that neither order nor
  /// sharding can change it. Below 2^53, which every reader of JSON holds exactly.
  public func seed(ofBatch seed: UInt64) -> UInt64 {
    if let own = self.seed { return own }
    return UInt64(SHA256.hash([UInt8]("\(seed)/\(id)".utf8)).prefix(13), radix: 16)! & (1 << 53 - 1)
  }

  /// Tells items without ids apart that share a clip's name.
  public var digest: String {
    let values =
      [video, prompt, negativePrompt, seed.map(String.init), start, end, cues, output]
      + (plan == nil ? [] : [plan, part.map(String.init)])
    return String(
      SHA256.hash([UInt8](values.map { $0 ?? "\u{0}" }.joined(separator: "\u{1}").utf8)).prefix(8))
  }
}

/// Some of a batch's items, when several machines share the work.
public struct BatchShard: Sendable, Equatable {
  /// From 1.
  public let number: Int
  public let count: Int

  /// - Returns: nil where there is no such shard.
  public init?(number: Int, of count: Int) {
    guard count >= 1, (1...count).contains(number) else { return nil }
    (self.number, self.count) = (number, count)
  }

  /// Every so many-th item of the manifest, so that long and short ones mix.
  public func holds(_ index: Int) -> Bool { index % count == number - 1 }

  /// What a job queue says of this process: the task of a Slurm array, or the index of a Kubernetes job. Nil where
  /// none says anything. Slurm's tasks need not begin at 0 or be without gaps of one step.
  ///
  /// - Throws: where a variable holds no number, or an index lies outside its count.
  public static func ofJobQueue(
    _ environment: [String: String]
  ) throws(FoleyError) -> BatchShard? {
    func number(_ name: String) throws(FoleyError) -> Int? {
      guard let text = environment[name], !text.isEmpty else { return nil }
      guard let number = Int(text), number >= 0 else {
        throw .usage("\(name) is '\(text)', which is no number; --shard I/N says it otherwise.")
      }
      return number
    }
    func shard(_ index: Int, _ count: Int, _ name: String) throws(FoleyError) -> BatchShard {
      guard let shard = BatchShard(number: index + 1, of: count) else {
        throw .usage("\(name) says \(index), beyond \(count) parts; --shard I/N says it otherwise.")
      }
      return shard
    }
    if let task = try number("SLURM_ARRAY_TASK_ID"),
      let count = try number("SLURM_ARRAY_TASK_COUNT")
    {
      let first = try number("SLURM_ARRAY_TASK_MIN") ?? 0
      let step = max(1, try number("SLURM_ARRAY_TASK_STEP") ?? 1)
      return try shard((task - first) / step, count, "SLURM_ARRAY_TASK_ID")
    }
    if let index = try number("JOB_COMPLETION_INDEX") {
      guard let count = try number("JOB_COMPLETIONS") else {
        throw .usage(
          "JOB_COMPLETION_INDEX is set, JOB_COMPLETIONS is not: set it to the job's completions, "
            + "or give --shard I/N.")
      }
      return try shard(index, count, "JOB_COMPLETION_INDEX")
    }
    return nil
  }
}
