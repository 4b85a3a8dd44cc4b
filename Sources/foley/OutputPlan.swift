import FoleyKit
import Foundation

/// The files a run is to write, their names settled and checked before any work begins.
struct OutputPlan {
  enum Audio: Equatable {
    case file(String)
    case standardOutput
    /// Only the video with sound is wanted; the sound is a file beside it meanwhile.
    case temporary(String)
  }

  let audio: Audio
  let format: OutputFormat
  let bitDepth: BitDepth
  let mux: String?
  let plot: String?
  let events: String?
  let delivery: DeliveryPlan
  let sidecar: String?
  private let newFolder: String?

  /// - Parameter clip: the input's path, if there is one.
  init(
    _ options: OutputOptions, clip: String?, delivery: DeliveryPlan = DeliveryPlan()
  ) throws(FoleyError) {
    let audio = try OutputPlan.audio(options, clip: clip)
    format = options.format ?? OutputPlan.format(of: audio)
    bitDepth = options.bitDepth
    self.delivery = delivery
    self.audio = audio
    (mux, plot, events) = (options.mux, options.plot, options.events)
    sidecar = options.sidecar
    if let plot, !plot.lowercased().hasSuffix(".png") {
      throw .usage("--plot \(plot): the picture is a PNG; give it a name that ends in .png.")
    }
    newFolder = options.outputFolder.flatMap { OutputPlan.isFolder($0) ? nil : $0 }
    if format == .flac {
      guard bitDepth != .float else {
        throw .usage("FLAC holds whole numbers only: use --bit-depth 16 or 24, or --format wav.")
      }
      guard !audioIsStream else {
        throw .usage("A pipe takes WAV; FLAC needs a file that can be rewritten at its start.")
      }
    }
    if format == .bwf && audioIsStream {
      throw .usage("A pipe takes plain WAV; bwf needs a file that can be rewritten at its start.")
    }
    if mux != nil && audioIsStream {
      throw .usage("--mux needs the sound in a file, not in a pipe: leave out -o.")
    }
    if !delivery.stems.isEmpty {
      guard case .file = audio, !audioIsStream else {
        throw .usage("--stem needs the whole sound in a file, beside which its parts lie: give -o.")
      }
    }
    try checkNames(clip: clip)
  }

  /// The file of a part of the sound: `clip.wav` has `clip.steps.wav` beside it.
  func path(of stem: StemArgument) -> String {
    let ending = (audioPath as NSString).pathExtension
    let base = ending.isEmpty ? audioPath : String(audioPath.dropLast(ending.count + 1))
    return base + "." + stem.name + (ending.isEmpty ? "" : "." + ending)
  }

  /// Makes the folder that `--output-folder` names.
  func makeFolder() throws(FoleyError) {
    guard let newFolder else { return }
    do {
      try FileManager.default.createDirectory(
        atPath: newFolder, withIntermediateDirectories: true)
    } catch {
      throw .cannotCreate(file: newFolder, reason: error.localizedDescription)
    }
  }

  /// Every file that will have its name at the end.
  var files: [String] {
    var files: [String] = []
    if case .file(let path) = audio { files.append(path) }
    files += delivery.stems.map(path(of:))
    return files + [mux, plot, events, sidecar].compactMap { $0 }
  }

  /// Files that exist already; devices and pipes are there to be written into.
  var existing: [String] {
    files.filter { FileManager.default.fileExists(atPath: $0) && !OutputPlan.isStream($0) }
  }

  /// Makes the folder. False when the output exists and may stay.
  ///
  /// - Throws: where it exists and may neither stay nor be replaced.
  func mayWrite(
    _ options: OutputOptions, _ display: ProgressDisplay
  ) throws(FoleyError) -> Bool {
    let existing = existing
    guard !options.overwrite, !existing.isEmpty else {
      try makeFolder()
      return true
    }
    if options.skipExisting && existing[0] == files[0] {
      display.finish("\(existing[0]) exists; nothing to do")
      return false
    }
    throw .cannotCreate(
      file: existing[0],
      reason: "exists already; --overwrite replaces it, --skip-existing leaves it, -o names another"
    )
  }

  /// Whether the sound goes into a pipe or device, which takes it front to back.
  var audioIsStream: Bool { audio == .standardOutput || OutputPlan.isStream(audioPath) }

  private static func isStream(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFCHR
  }

  /// Where the sound is written; `-` for standard output.
  var audioPath: String {
    switch audio {
    case .file(let path), .temporary(let path): path
    case .standardOutput: "-"
    }
  }

  /// Where windows are kept; nil for sound that goes into a pipe.
  var journal: String? {
    switch audio {
    case .file(let path): audioIsStream ? nil : path + ".journal"
    case .temporary: mux.map { $0 + ".journal" }
    case .standardOutput: nil
    }
  }

  // MARK: Names

  private static func audio(
    _ options: OutputOptions, clip: String?
  ) throws(FoleyError) -> Audio {
    let suffix = options.format == .flac ? ".flac" : ".wav"
    let named = clip.flatMap { $0 == "-" ? nil : $0 }
    let stem = named.map(stem(ofClip:)) ?? "foley"
    switch (options.output, options.outputFolder) {
    case ("-", _): return .standardOutput
    case (let name?, _):
      if isFolder(name) { return .file(name.withTrailingSlash + stem + suffix) }
      let ending = URL(fileURLWithPath: name).pathExtension.lowercased()
      guard !videoEndings.contains(ending) else {
        throw .usage("-o \(name): -o is for the sound; --mux \(name) writes the video with sound.")
      }
      guard !foreignEndings.contains(ending) else {
        throw .usage("-o \(name): sound is written as .wav or .flac, not as .\(ending).")
      }
      return .file(name)
    case (nil, let folder?):
      return .file(folder.withTrailingSlash + stem + suffix)
    case (nil, nil):
      if let mux = options.mux { return .temporary(mux + ".sound.wav") }
      return .file(stem + suffix)
    }
  }

  /// What outputs are called that nobody has named.
  static func stem(ofClip path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }

  private static func format(of audio: Audio) -> OutputFormat {
    guard case .file(let path) = audio else { return .wav }
    return ["flac": .flac, "bwf": .bwf][(path as NSString).pathExtension.lowercased()] ?? .wav
  }

  private static let videoEndings: Set = ["mp4", "mov", "mkv", "webm", "avi", "m4v"]

  /// A file of such a name is taken for something that this program does not write.
  private static let foreignEndings: Set = [
    "mp3", "ogg", "oga", "opus", "m4a", "aac", "aif", "aiff", "wma", "ac3", "png", "json",
  ]

  private static func isFolder(_ path: String) -> Bool {
    var directory: ObjCBool = false
    return path.hasSuffix("/")
      || FileManager.default.fileExists(atPath: path, isDirectory: &directory)
        && directory.boolValue
  }

  /// No file twice, none over the clip, every folder there and writable: found out now rather than
  /// after minutes of work.
  private func checkNames(clip: String?) throws(FoleyError) {
    var names = Set<String>()
    for file in files {
      guard !file.isEmpty else { throw .usage("An output needs a name.") }
      let url = URL(fileURLWithPath: file).standardizedFileURL
      guard names.insert(url.path).inserted else {
        throw .usage("\(file): two outputs cannot have the same name.")
      }
      if let clip,
        url.resolvingSymlinksInPath()
          == URL(fileURLWithPath: clip).standardizedFileURL.resolvingSymlinksInPath()
      {
        throw .usage("\(file): the output would replace the clip it is made from.")
      }
      let folder = url.deletingLastPathComponent().path
      let named = (file as NSString).deletingLastPathComponent
      if newFolder != nil
        && folder
          == URL(fileURLWithPath: audioPath).standardizedFileURL
          .deletingLastPathComponent().path
      {
        continue
      }
      guard FileManager.default.fileExists(atPath: folder) else {
        throw .cannotCreate(file: file, reason: "the folder \(named) does not exist")
      }
      guard FileManager.default.isWritableFile(atPath: folder) else {
        throw .cannotCreate(file: file, reason: "its folder may not be written to")
      }
    }
  }
}

extension String {
  /// The last part of a path.
  var lastComponent: String { (self as NSString).lastPathComponent }

  fileprivate var withTrailingSlash: String { hasSuffix("/") ? self : self + "/" }
}
