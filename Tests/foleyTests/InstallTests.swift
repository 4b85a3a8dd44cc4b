import Foundation
import TestSupport
import Testing

/// Version, completions, manual page, terminals, and what `Scripts/install` puts in place.
@Suite(.serialized) struct InstallTests {
  /// A tool of the system; nil, and a line that says so, where it is not there.
  private func tool(
    _ name: String, _ arguments: [String], in folder: URL, input: Data = Data()
  ) throws -> (status: Int32, text: String)? {
    let input = try { () throws -> URL in
      let url = folder.appendingPathComponent(".input")
      try input.write(to: url)
      return url
    }()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.currentDirectoryURL = folder
    process.standardInput = try FileHandle(forReadingFrom: input)
    var variables = ProcessInfo.processInfo.environment
    variables["FOLEY_MODELS"] = Shared.repository.appendingPathComponent("Models").path
    variables["LC_ALL"] = "C"
    process.environment = variables
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationStatus == 127 {
      print("skipped: \(name) is not installed here")
      return nil
    }
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test func versionTellsWhatAReportNeeds() throws {
    try withFolder { folder in
      let run = try Program.run(
        ["--version"], in: folder, environment: ["FOLEY_SIMD": "baseline"])
      #expect(run.status == 0 && run.error.isEmpty)
      let lines = run.text.split(separator: "\n")
      #expect(lines.count == 4)
      #expect(lines[0].wholeMatch(of: /foley \d+\.\d+\.\d+/) != nil)
      #expect(lines[1].hasPrefix("commit     "))
      #expect(lines[2].hasPrefix("processor  baseline, of baseline"))
      #expect(
        lines[3].contains(/FFmpeg \S+, libsndfile \d\S+, libebur128 \d+\.\d+\.\d+/), "\(lines[3])")
      let wrong = try Program.run(["--version"], in: folder, environment: ["FOLEY_SIMD": "sse9"])
      #expect(wrong.status == 0 && wrong.text.contains("none (FOLEY_SIMD is 'sse9'"))
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completions(shell: String) throws {
    try withFolder { folder in
      let run = try Program.run(["completions", shell], in: folder)
      #expect(run.status == 0)
      for word in ["generate", "compare", "loudness", "stem"] { #expect(run.text.contains(word)) }
      try run.output.write(to: folder.appendingPathComponent("script"))
      if let checked = try tool(shell, ["-n", "script"], in: folder) {
        #expect(checked.status == 0, "\(checked.text)")
      }
      #expect(try Program.run(["completions", "csh"], in: folder).status == 64)
    }
  }

  /// What bash offers for a command line that is being typed.
  @Test func completionsInBash() throws {
    try withFolder { folder in
      try Program.run(["completions", "bash"], in: folder).output
        .write(to: folder.appendingPathComponent("script"))
      func offered(_ words: [String]) throws -> [String] {
        let line = words.joined(separator: " ")
        let script = """
          source ./script
          COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " ")))
          COMP_CWORD=\(words.count - 1); COMP_LINE='\(line)'; COMP_POINT=\(line.count)
          _foley foley '\(words.last!)' '\(words[words.count - 2])' 2>/dev/null
          printf '%s\\n' "${COMPREPLY[@]}"
          """
        let run = try #require(try tool("bash", ["-c", script], in: folder))
        return run.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      }
      #expect(try offered(["foley", "gen"]) == ["generate"])
      #expect(try offered(["foley", "generate", "--loud"]) == ["--loudness"])
      #expect(
        try Set(offered(["foley", "generate", "--original", ""]))
          == ["replace", "keep", "mix", "duck"])
    }
  }

  /// The page has every option that the helps have, and no mistake that groff would tell.
  @Test func manualPage() throws {
    try withFolder { folder in
      let page = try Program.run(["manual"], in: folder)
      #expect(page.status == 0)
      #expect(page.output == (try Program.run(["manual"], in: folder)).output)
      for command in [["generate"], ["compare"], ["verify"], ["models", "import"]] {
        let help = try Program.run(command + ["--help"], in: folder).text
        for option in help.matches(of: /\n  (?:-., )?--([a-z-]+)/).map(\.1) where option != "help" {
          let escaped = option.replacing("-", with: "\\-")
          #expect(page.text.contains("\\-\\-" + escaped), "\(command): \(option)")
        }
      }
      if let groff = try tool(
        "groff", ["-man", "-ww", "-Tutf8", "-P-cbou"], in: folder, input: page.output)
      {
        #expect(groff.status == 0)
        #expect(!groff.text.contains(": warning"), "\(groff.text)")
        #expect(groff.text.contains("EXIT STATUS"))
      }
    }
  }

  @Test(arguments: [40, 200]) func helpFitsTheTerminal(columns: Int) throws {
    try withFolder { folder in
      for command in [[], ["generate"], ["compare"], ["models", "verify"]] {
        let run = try Program.run(
          command + ["--help"], in: folder, environment: ["COLUMNS": String(columns)])
        let widest =
          run.text.split(separator: "\n").filter { !$0.contains("foley ") }
          .map(\.count).max() ?? 0
        // A word that is longer than its column stands out.
        #expect(widest <= columns + 4, "\(command)")
      }
    }
  }

  /// On a terminal of any width the bar stays in its line, and nothing is coloured; a dumb one gets lines.
  @Test(arguments: [20, 40, 120]) func theBarFitsTheTerminal(columns: Int) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      let command =
        "stty cols \(columns) && '\(Program.binary.path)' generate clip.mp4 -p rain --steps 3 --overwrite"
      guard let run = try tool("script", ["-qec", command, "/dev/null"], in: folder) else { return }
      #expect(run.status == 0, "\(run.text)")
      let escapes = run.text.matches(of: /\u{1B}\[[0-9;]*[A-Za-z]/).map { String($0.0) }
      #expect(Set(escapes) == ["\u{1B}[K"], "no colours")
      let bars = run.text.split(whereSeparator: { $0.isNewline })
        .filter { $0.hasSuffix("\u{1B}[K") }.map { $0.dropLast(3) }
      #expect(bars.count >= 3)
      for bar in bars { #expect(bar.count < columns, "\(bar)") }
      if columns >= 100 { #expect(bars.contains { $0.hasPrefix("#") }) }
      let dumb = try #require(
        try tool("script", ["-qec", "export TERM=dumb; " + command, "/dev/null"], in: folder))
      #expect(!dumb.text.contains("\u{1B}") && dumb.text.contains("window 1/1"), "\(dumb.text)")
    }
  }

  /// One folder with the program, its model, completions and the page; it works without the repository, and is gone
  /// again with --uninstall.
  @Test func install() throws {
    try withFolder { folder in
      let script = Shared.repository.appendingPathComponent("Scripts/install").path
      let options = ["--prefix", "a prefix", "--binary", Program.binary.path]
      let run = try #require(
        try tool("env", ["-u", "FOLEY_MODELS", script] + options, in: folder))
      #expect(run.status == 0, "\(run.text)")
      let prefix = folder.appendingPathComponent("a prefix")
      for file in [
        "bin/foley", "share/foley/Models/manifest.json", "share/foley/Models/mini/config.json",
        "share/bash-completion/completions/foley", "share/zsh/site-functions/_foley",
        "share/fish/vendor_completions.d/foley.fish", "share/man/man1/foley.1",
        "share/doc/foley/LICENSE",
      ] {
        #expect(
          FileManager.default.fileExists(atPath: prefix.appendingPathComponent(file).path),
          "\(file)")
      }
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let installed = try #require(
        try tool(
          "env",
          [
            "-u", "FOLEY_MODELS", prefix.appendingPathComponent("bin/foley").path, "generate",
            "clip.mp4", "-p", "rain", "--steps", "1", "--json", "-q",
          ], in: folder))
      #expect(installed.status == 0, "\(installed.text)")
      #expect(installed.text.contains("a prefix/share/foley/Models/mini"), "\(installed.text)")

      let gone = try #require(
        try tool(script, ["--uninstall", "--prefix", prefix.path], in: folder))
      #expect(gone.status == 0, "\(gone.text)")
      let left = try #require(
        FileManager.default.enumerator(atPath: prefix.path)?.allObjects as? [String])
      #expect(left.allSatisfy { !$0.contains("foley") }, "\(left)")
      #expect(try tool(script, ["--prefix"], in: folder)?.status == 64)
    }
  }
}
