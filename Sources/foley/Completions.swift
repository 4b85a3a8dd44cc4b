import ArgumentParser

struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a completion script for a shell.",
    discussion: """
      Examples:
        foley completions bash > ~/.local/share/bash-completion/completions/foley
        foley completions zsh > ~/.zfunc/_foley
        foley completions fish > ~/.config/fish/completions/foley.fish

      Scripts/install puts all three where shells look for them.
      """)

  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish
  }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() {
    let shell: CompletionShell =
      switch self.shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    Terminal.output(Foley.completionScript(for: shell) + "\n")
  }
}

/// The manual page, for those who package the program.
struct Manual: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the manual page, in the language of man(7).", shouldDisplay: false)

  func run() throws {
    Terminal.output(try ManualPage(Foley._dumpHelp()).text)
  }
}
