import ArgumentParser
import FoleyKit
import Foundation
import Synchronization
import Threads

/// A process of `foley batch` that makes one item after the other while its model stays loaded. It takes tasks as
/// lines of JSON from standard input and answers on standard output.
struct BatchWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch-worker", shouldDisplay: false)

  @OptionGroup var options: BatchOptions
  /// Of the command whose worker this is; it does the telling.
  @OptionGroup var reports: ReportOptions
  @OptionGroup var rehearsal: RehearsalOptions

  func run() throws {
    ErrorLog.use(from: .error)
    Interruption.leaveToOthers { Self.answer(BatchReply(unfinished: $0)) }
    let tasks = TaskLines()
    try detachThread { tasks.read() }
    let kept = KeptPipeline()
    while let task = tasks.next() {
      Self.answer(make(task, kept))
      tasks.finished()
    }
  }

  private static func answer(_ reply: BatchReply) {
    Terminal.output(JSON.text(reply, pretty: false) + "\n")
  }

  private func make(_ task: BatchTask, _ kept: KeptPipeline) -> BatchReply {
    let item = task.item
    let began = ContinuousClock.now
    do {
      if let plan = item.plan, let number = item.part {
        return try FilmPart(plan: plan, number: number, video: item.video).make(
          item.place + FilmPart.suffix, in: BatchFolder(options.output), for: task,
          with: try kept.pipeline(options.model, jobs: options.work.jobs))
      }
      var hash = ""
      let generate = try command(for: item)
      let plan = try OutputPlan(generate.output, clip: item.video)
      let report = try generate.make(
        .silent, { try kept.pipeline(options.model, jobs: options.work.jobs) },
        isNeeded: { pipeline, request, plan in
          hash = try pipeline.journalHead(request).identity.digest(with: plan.kinds)
          return hash != task.known
        })
      guard let report else { return BatchReply(isUnchanged: true) }
      let prefix = options.output.outputDir.count
      let outputs = plan.files.map {
        String($0.dropFirst(prefix).drop { $0 == "/" })
      }
      return BatchReply(
        record: BatchRecord(
          id: item.id, video: item.video, status: .done, outputs: outputs,
          seed: report.parameters.seed, hash: hash, seconds: BatchClock.seconds(since: began),
          samples: report.samples, speed: report.speed, peakMemory: report.peakMemory,
          warnings: report.warnings.isEmpty ? nil : report.warnings))
    } catch {
      // Mistakes of the parser's kind are those of an item's own settings.
      let status = ExitStatus(of: error) ?? .usage
      let text = ExitStatus(of: error) == nil ? Generate.message(for: error) : "\(error)"
      var record = BatchRecord.failure(of: item, status.rawValue, text)
      record.seconds = BatchClock.seconds(since: began)
      return BatchReply(record: record)
    }
  }

  /// The command that would make this item by itself.
  private func command(for item: BatchItem) throws -> Generate {
    var command = try Generate.parse(["--", item.video])
    command.content = options.content
    if let prompt = item.prompt {
      (command.content.prompt, command.content.promptFile) = (prompt, nil)
    }
    if let negative = item.negativePrompt { command.content.negativePrompt = negative }
    command.content.seed = item.seed(ofBatch: options.content.seed)
    if let start = item.start { command.content.start = TimeArgument(argument: start) }
    if let end = item.end { command.content.end = TimeArgument(argument: end) }
    if let cues = item.cues { command.content.cues = cues }
    command.model = options.model
    command.output = try options.output.options(for: BatchFolder(options.output).sound(of: item))
    command.resuming.noAlign = options.output.noAlign
    try command.content.validate()
    try command.validate()
    return command
  }
}

/// The pipeline of a worker, made with its first item.
private final class KeptPipeline {
  private var kept: Pipeline?

  /// Processors are shared out among the batch's processes; the sound does not depend on it.
  func pipeline(_ options: ModelOptions, jobs: Int) throws -> Pipeline {
    if let kept { return kept }
    var options = options
    options.threads =
      options.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount / jobs)
    let made = try options.pipeline { KeptModel($0) }
    kept = made
    return made
  }
}

/// Standard input of a worker. It ends when the batch is done, or has ended in whatever way: a task that is under way
/// then is of no use to anybody.
private final class TaskLines: Sendable {
  private struct State {
    var waiting: [BatchTask] = []
    var isBusy = false
    var isOver = false
  }
  private let state = Mutex(State())
  private let changes = DispatchSemaphore(value: 0)

  /// On a thread of its own.
  func read() {
    while let line = readLine() {
      let task: BatchTask
      do {
        task = try JSONDecoder().decode(BatchTask.self, from: Data(line.utf8))
      } catch {
        preconditionFailure("a task that cannot be read: \(error)")
      }
      state.withLock { $0.waiting.append(task) }
      changes.signal()
    }
    let isBusy = state.withLock {
      $0.isOver = true
      return $0.isBusy
    }
    if isBusy { Interruption.abandon() }
    changes.signal()
  }

  /// Nil once the batch is done.
  func next() -> BatchTask? {
    changes.wait()
    return state.withLock {
      guard !$0.isOver, !$0.waiting.isEmpty else { return nil }
      $0.isBusy = true
      return $0.waiting.removeFirst()
    }
  }

  func finished() { state.withLock { $0.isBusy = false } }
}
