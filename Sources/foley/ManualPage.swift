import FoleyKit
import Foundation

/// The manual page, made of what the argument parser knows of every command. It holds no date, so that the same program
/// gives the same page.
struct ManualPage {
  private let root: Command

  /// - Parameter description: the parser's own account of its commands, in JSON.
  init(_ description: String) throws {
    root = try JSONDecoder().decode(Tool.self, from: Data(description.utf8)).command
  }

  var text: String {
    var page = Roff()
    page.line(".TH FOLEY 1 \"\" \"foley \(ProgramVersion.current)\" \"User Commands\"")
    page.section("Name")
    page.line("foley \\- \(Roff.escaped(root.abstract ?? ""))")
    page.section("Synopsis")
    for command in root.visible {
      page.line(".B foley \(Roff.escaped(command.commandName))")
      page.line(Roff.escaped(command.visible.isEmpty ? command.usage : "COMMAND ..."))
      page.line(".br")
    }
    page.section("Description")
    page.discussion(root.discussion)
    page.section("Commands")
    for command in root.visible { write(command, named: "foley", into: &page) }
    page.section("Exit status")
    for (code, meaning) in ManualPage.exitCodes { page.item(".B \(code)", meaning) }
    page.section("Environment")
    for (name, meaning) in ManualPage.environment { page.item(".B \(name)", meaning) }
    page.section("Files")
    page.item(
      ".I Models",
      "Models are looked for in this folder beside the program and in every folder above it, and in "
        + "share/foley/Models of the folder it is installed in.")
    page.item(
      ".I NAME.partial", "A file that is being written. It gets its name when it is complete.")
    page.item(
      ".I NAME.journal",
      "What a run that was broken off has done, for --resume; with "
        + "--keep-journal, what retake needs.")
    return page.text
  }

  private func write(_ command: Command, named parent: String, into page: inout Roff) {
    let name = parent + " " + command.commandName
    guard command.visible.isEmpty else {
      for inner in command.visible { write(inner, named: name, into: &page) }
      return
    }
    page.line(".SS \(Roff.escaped(name + " " + command.usage))")
    page.paragraph(command.abstract ?? "")
    page.discussion(command.discussion)
    var section: String?
    for argument in command.arguments ?? [] where argument.isTold {
      if let title = argument.sectionTitle, title != section {
        page.line(".PP\n.B \(Roff.escaped(title))")
        section = title
      }
      page.item(".B \(Roff.escaped(argument.term))", argument.help)
    }
  }

  private static let exitCodes = [
    ("0", "Done."), ("1", "verify, compare: a limit is broken."),
    ("64", "The command line is wrong."),
    ("65", "The clip, or a file given with it, does not hold what it should."),
    ("66", "A file cannot be opened."),
    ("69", "Something that is needed is not installed, or the GPU asked for cannot be used."),
    ("70", "A mistake in the program or the model."),
    ("73, 74", "A file cannot be made; writing failed."),
    ("75", "Out of memory or of threads, or another process is at work on the output: try again."),
    ("78", "The model is incomplete or damaged."),
    ("129, 130, 143", "Ended by a signal; a long run can be resumed."),
  ]

  private static let environment = [
    ("FOLEY_MODELS", "Folders of models, with colons between them, before all others."),
    (
      "FOLEY_SIMD",
      "The instructions to use: baseline, avx2 or avx512. By default the best there are."
    ),
    ("FOLEY_CUDA_DRIVER", "The library of the NVIDIA driver, in place of libcuda.so.1."),
    ("CUDA_VISIBLE_DEVICES", "GPUs the NVIDIA driver shows, and their order; see its manual."),
    ("COLUMNS", "How wide help texts are, where the terminal does not say."),
    ("NO_COLOR", "Nothing is ever coloured, with this variable or without."),
    ("TERM", "With \"dumb\", progress is told in lines, not as a bar."),
  ]
}

// MARK: What the parser tells

private struct Tool: Decodable {
  var command: Command
}

private struct Command: Decodable {
  var commandName: String
  var abstract: String?
  var discussion: String?
  var shouldDisplay: Bool
  var subcommands: [Command]?
  var arguments: [Argument]?

  var visible: [Command] {
    (subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
  }

  var usage: String {
    let positional = (arguments ?? []).filter { $0.kind == "positional" && $0.shouldDisplay }
    let names = positional.map { argument in
      let name = (argument.valueName ?? "value").uppercased()
      return argument.isOptional ? "[\(name)]" : name
    }
    let needed = (arguments ?? []).filter {
      $0.kind == "option" && $0.shouldDisplay && !$0.isOptional
    }
    return (["[OPTION...]"] + needed.map(\.term) + names).joined(separator: " ")
  }
}

private struct Argument: Decodable {
  struct Name: Decodable {
    var kind: String
    var name: String

    var text: String { (kind == "long" ? "--" : "-") + name }
  }

  var kind: String
  var shouldDisplay: Bool
  var isOptional: Bool
  var isRepeating: Bool
  var names: [Name]?
  var valueName: String?
  var defaultValue: String?
  var allValues: [String]?
  var abstract: String?
  var sectionTitle: String?

  /// Help and version are in every command.
  var isTold: Bool { shouldDisplay && names?.contains { $0.name == "help" } != true }

  var term: String {
    guard let names else { return (valueName ?? "value").uppercased() }
    // The short one first, as in the help.
    let all = names.sorted { $0.name.count < $1.name.count }.map(\.text).joined(separator: ", ")
    return kind == "option" ? all + " " + (valueName ?? "value").uppercased() : all
  }

  var help: String {
    var text = abstract ?? ""
    if let allValues, !allValues.isEmpty, kind == "option" {
      text += " One of: \(allValues.joined(separator: ", "))."
    }
    if let defaultValue { text += " By default \(defaultValue)." }
    return text
  }
}

// MARK: The language of man(7)

private struct Roff {
  private(set) var text = ""

  static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
      .replacingOccurrences(of: "'", with: "\\(aq").replacingOccurrences(of: "\"", with: "\\(dq")
  }

  mutating func line(_ line: String) { text += line + "\n" }

  mutating func section(_ title: String) { line(".SH \(title.uppercased())") }

  mutating func paragraph(_ text: String) {
    line(".PP")
    body(text)
  }

  mutating func item(_ term: String, _ meaning: String) {
    line(".TP")
    line(term)
    body(meaning)
  }

  /// Indented lines are examples and stand as they are; others flow.
  mutating func discussion(_ text: String?) {
    guard let text, !text.isEmpty else { return }
    line(".PP")
    var isExample = false
    for row in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if row.hasPrefix(" ") != isExample && !row.isEmpty {
        isExample.toggle()
        line(isExample ? ".RS 4\n.nf" : ".fi\n.RE")
      }
      row.isEmpty ? line(isExample ? "" : ".PP") : body(String(row), keepsBlanks: isExample)
    }
    if isExample { line(".fi\n.RE") }
  }

  /// A dot or an apostrophe at the start of a line would be a command.
  private mutating func body(_ text: String, keepsBlanks: Bool = false) {
    let row = keepsBlanks ? String(text.dropFirst(2)) : text
    let escaped = Roff.escaped(row)
    line(escaped.hasPrefix(".") ? "\\&" + escaped : escaped)
  }
}
