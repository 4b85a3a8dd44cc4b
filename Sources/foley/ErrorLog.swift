import Logging

/// Writes log messages as plain lines on standard error.
struct ErrorLog: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Messages from `level` up, for all loggers of the program.
  static func use(from level: Logger.Level) {
    LoggingSystem.bootstrap { _ in ErrorLog(logLevel: level) }
  }

  func log(event: LogEvent) {
    Terminal.error("\(event.level): \(event.message)\n")
  }
}
