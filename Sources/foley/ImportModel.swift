import ArgumentParser
import CPUBackend
import FoleyKit
import Foundation

extension Models {
  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a published model smaller and quicker to load.",
      discussion: """
        Copies what is needed of a downloaded model into safetensors files: about 5 GB less to keep.
        The new folder is used like the old one, with -m; the old one is left as it is. A run that was
        broken off goes on where it stopped when it is started again.

        Examples:
          foley models import ~/HunyuanVideo-Foley -o ~/Models/foley-xl
          foley generate clip.mp4 -m ~/Models/foley-xl
        """)

    @Argument(help: "The folder of the downloaded model, or its transformer's file.")
    var model: String

    @Option(name: [.short, .long], help: ArgumentHelp("The folder to make.", valueName: "folder"))
    var output: String

    /// What a file can hold.
    enum Storage: String, CaseIterable, ExpressibleByArgument {
      case bf16, f32

      var precision: Precision { self == .bf16 ? .bf16 : .f32 }
    }

    @Option(help: "How to store the transformer; by default as published, bf16.")
    var precision: Storage?

    @Flag(help: "Replace files that were made of something else.")
    var overwrite = false

    @Flag(name: [.short, .long], help: "Only errors on standard error.")
    var quiet = false

    func run() throws {
      let description = try ModelFamilies.describe(ModelFolder.find(model))
      let work = try ModelImport(
        description, into: output, precision: precision?.precision, on: try CPUBackend(threads: 1))
      let bar = !quiet && Terminal.errorIsTerminal
      var last = ""
      try Interruption.removing(work.partialFiles) {
        try work.run(overwrite: overwrite) { progress in
          let percent = progress.total == 0 ? 100 : progress.done * 100 / progress.total
          if bar {
            Terminal.error("\r\(progress.file.lastComponent): \(percent) %\u{1B}[K")
          } else if !quiet, progress.file != last {
            Terminal.error("writing \(progress.file)\n")
          }
          last = progress.file
        }
      }
      if bar { Terminal.error("\r\u{1B}[K") }
      if !quiet {
        Terminal.error("\(output): \(ByteCount(work.bytes)) of weights; use it with -m \(output)\n")
      }
    }
  }
}
