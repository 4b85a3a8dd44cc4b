import ArgumentParser
import CPUBackend
import FoleyKit
import Foundation

extension Models {
  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check that a model is whole: every tensor, its shape, its values.",
      discussion: """
        Reads all weights, which takes a while for a large model, but needs little memory. The exit
        code is 78 where something is missing or broken.

        Examples:
          foley models verify mini
          foley models verify ~/HunyuanVideo-Foley
          foley models verify ~/HunyuanVideo-Foley --json
        """)

    @Argument(help: "A model's name, or its folder.")
    var model: String

    @Flag(help: "Print a JSON object.")
    var json = false

    func run() throws {
      let description = try ModelFamilies.describe(ModelFolder.find(model))
      let result = Verification(
        description,
        try description.verify(on: try CPUBackend(threads: 1)) { checkpoint in
          if !json && Terminal.errorIsTerminal {
            Terminal.error("\rreading \(checkpoint.file.lastComponent)\u{1B}[K")
          }
        })
      if !json && Terminal.errorIsTerminal { Terminal.error("\r\u{1B}[K") }
      Terminal.output(json ? JSON.text(result) + "\n" : result.text)
      if let file = result.files.first(where: { !$0.faults.isEmpty }) {
        let count = result.files.reduce(0) { $0 + $1.faults.count }
        throw FoleyError.badModel(
          path: file.file,
          reason: "\(count) \(count == 1 ? "fault" : "faults") in the model, see above")
      }
    }
  }
}

/// What `models verify` prints.
private struct Verification: Encodable {
  struct File: Encodable {
    var file: String
    var part: String
    /// Tensors the program reads, and their elements.
    var tensors: Int
    var elements: Int
    var faults: [String]
    /// Tensors the program does not know.
    var extra: [String]
  }

  var model: String
  var family: String
  var folder: String
  var isWhole: Bool
  var warnings: [String]
  var files: [File]

  init(_ model: any ModelDescription, _ inspections: [CheckpointInspection]) {
    self.model = model.folder.name
    family = model.family
    folder = model.folder.path
    warnings = model.warnings
    files = inspections.map {
      File(
        file: $0.file, part: $0.part.rawValue, tensors: $0.tensors, elements: $0.elements,
        faults: $0.faults.map { "\($0)" }, extra: $0.unknown)
    }
    isWhole = files.allSatisfy(\.faults.isEmpty)
  }

  /// More lines of a kind than this only repeat themselves.
  private static let mostLines = 20

  var text: String {
    let width = files.map { name(of: $0).count }.max() ?? 0
    var lines = ["\(model): family \(family), \(folder)"]
    lines += warnings.map { "  warning: \($0)" }
    for file in files {
      let name = name(of: file).padding(toLength: width + 2, withPad: " ", startingAt: 0)
      let part = file.part.padding(toLength: 13, withPad: " ", startingAt: 0)
      let state =
        file.faults.isEmpty
        ? "whole" : "\(file.faults.count) \(file.faults.count == 1 ? "fault" : "faults")"
      lines.append(
        "  \(name)\(part)\(file.tensors) tensors, \(Verification.count(file.elements)) numbers: \(state)"
      )
      let faults = file.faults.map { fault in
        let start = file.file + ": "
        return fault.hasPrefix(start) ? String(fault.dropFirst(start.count)) : fault
      }
      lines += shortened(faults).map { "    " + $0 }
      if !file.extra.isEmpty {
        lines.append("    \(file.extra.count) tensors that are not needed:")
        lines += shortened(file.extra).map { "      " + $0 }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Below the model's folder, where it lies there.
  private func name(of file: File) -> String {
    file.file.hasPrefix(folder + "/") ? String(file.file.dropFirst(folder.count + 1)) : file.file
  }

  private func shortened(_ lines: [String]) -> [String] {
    let rest = lines.count - Verification.mostLines
    return rest > 1 ? lines.prefix(Verification.mostLines) + ["and \(rest) more"] : lines
  }

  private static func count(_ number: Int) -> String {
    number >= 1_000_000
      ? String(format: "%.1f million", Double(number) / 1e6) : String(number)
  }
}
