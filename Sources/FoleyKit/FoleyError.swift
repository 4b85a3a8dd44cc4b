/// What stops a generation, other than what the media and checkpoint layers report themselves.
/// Every case names the file or setting, what is wrong, and where possible what to do.
public enum FoleyError: Error, Equatable, Sendable {
  /// Settings that contradict each other or lie outside what can be done.
  case usage(String)
  /// A model folder that is absent, incomplete or of an unknown kind.
  case badModel(path: String, reason: String)
  /// A file given beside the video (events, noise, prompt) that does not hold what it should.
  case badData(file: String, reason: String)
  /// A file that cannot be opened.
  case noInput(file: String, reason: String)
  /// A file that may not or cannot be made.
  case cannotCreate(file: String, reason: String)
  /// A network does not fit into the memory there is, or that an option allows.
  case memory(network: String, needed: Int, available: Int, MemoryBudget.Source)
  /// Another process is at work on the same output.
  case busy(file: String)
  /// The run was asked to end early; so many seconds of its sound are in the journal.
  case stopped(seconds: Double)
  /// Numbers that are not finite: the model or the program is broken, so nothing is written.
  case notFinite(stage: String)
}

extension FoleyError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .usage(let reason): reason
    case .badModel(let path, let reason), .badData(let path, let reason),
      .noInput(let path, let reason), .cannotCreate(let path, let reason):
      "\(path): \(reason)"
    case .memory(let network, let needed, let available, let source):
      "the \(network) needs \(ByteCount(needed)) of memory with all that is beside it; "
        + source.limit(of: available, needed: needed)
    case .busy(let file): "\(file): another process is at work on this; let it finish"
    case .stopped(let seconds):
      "stopped after \(Int(seconds)) s of sound; the same command with --resume goes on from there"
    case .notFinite(let stage):
      "\(stage) gave values that are not numbers; nothing was written. "
        + "Please report this with the command line and the model's name."
    }
  }
}

extension MemoryBudget.Source {
  /// How much there is, and what to do.
  fileprivate func limit(of available: Int, needed: Int) -> String {
    switch self {
    case .machine:
      "the machine has \(ByteCount(available)) to spare. End other programs, or take a smaller model"
    case .gpu:
      "the GPU has \(ByteCount(available)) free. End what else uses it, or take --device cpu"
    case .option(let name):
      "\(name) allows \(ByteCount(available)). Give at least \(name) \(ByteCount(needed).argument)"
    }
  }
}
