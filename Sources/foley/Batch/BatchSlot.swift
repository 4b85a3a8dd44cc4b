import FoleyKit
import Foundation

/// One of the places at which a batch works: a thread that feeds a worker process, starts another when it is lost,
/// and tries again what may go well another time.
struct BatchSlot {
  let arguments: [String]
  let options: BatchOptions
  let folder: BatchFolder
  let ledger: BatchLedger

  /// Works until no items are left or the batch is to end.
  func work(_ next: () -> BatchItem?) {
    var worker: WorkerProcess?
    while let item = next() {
      let began = ContinuousClock.now
      var attempt = 1
      var record = attempted(item, &worker)
      while let failed = record, failed.isTemporary, attempt <= options.work.retries,
        Interruption.requested == nil
      {
        // Another process may need the memory for a moment; a lost worker is replaced at once.
        if worker != nil { usleep(UInt32(min(30, 0.5 * pow(2, Double(attempt)))) * 1_000_000) }
        attempt += 1
        record = attempted(item, &worker)
      }
      guard var record else {
        ledger.keep(item)
        continue
      }
      record.attempts = attempt
      record.seconds = BatchClock.seconds(since: began)
      ledger.add(record)
    }
    worker?.end(within: 5)
  }

  /// Nil where the record of an earlier run still holds.
  private func attempted(_ item: BatchItem, _ worker: inout WorkerProcess?) -> BatchRecord? {
    if let fault = item.fault { return .failure(of: item, 65, fault) }
    do {
      try folder.makeFolder(of: item)
      let process = try worker ?? WorkerProcess(["batch-worker"] + arguments)
      worker = process
      let task = BatchTask(item: item, known: ledger.knownHash(of: item, in: folder))
      process.send(JSON.text(task, pretty: false))
      let reply = try answer(of: process, item)
      if reply.isEnd { worker = nil }
      return reply.record
    } catch {
      return .failure(of: item, (ExitStatus(of: error) ?? .internalError).rawValue, "\(error)")
    }
  }

  private struct Answer {
    var record: BatchRecord?
    var isEnd = false
  }

  private func answer(of process: WorkerProcess, _ item: BatchItem) throws -> Answer {
    let deadline = options.work.timeout.map { ContinuousClock.now + .seconds($0) }
    var unfinished: [String] = []
    func removeUnfinished() { for file in unfinished { unlink(file) } }
    while true {
      switch process.receive(until: deadline) {
      case .line(let line):
        let reply = try JSONDecoder().decode(BatchReply.self, from: line)
        if let files = reply.unfinished { unfinished += files }
        if reply.isUnchanged == true { return Answer() }
        if let record = reply.record { return Answer(record: record) }
      case .timedOut:
        process.end(within: 1)
        removeUnfinished()
        let text = "took longer than \(options.work.timeout ?? 0) s"
        return Answer(record: .failure(of: item, BatchRecord.timedOut, text), isEnd: true)
      case .ended(let status):
        removeUnfinished()
        let (code, text) = Self.cause(of: status)
        return Answer(record: .failure(of: item, code, text), isEnd: true)
      }
    }
  }

  /// The exit code that stands for a worker's end, and words for it. A kill comes from outside, for want of memory or
  /// from a person, so that another attempt may go well; a crash would come again.
  private static func cause(of status: Int32) -> (Int32, String) {
    let signal = status & 0x7F
    if signal != 0 {
      let name = String(cString: strsignal(signal))
      let isKill = signal == SIGKILL || signal == SIGTERM || signal == SIGINT
      return (isKill ? 75 : 70, "its process was ended: \(name)")
    }
    let code = (status >> 8) & 0xFF
    return (code == 0 ? 70 : code, "its process ended with exit code \(code)")
  }
}
