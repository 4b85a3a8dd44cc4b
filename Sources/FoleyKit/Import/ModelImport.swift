import Checkpoints
import Foundation
import Media
import Networks
import Tensors

/// Turns a published model into a folder that is smaller and quicker to load: tensors that are used, and no
/// others, in safetensors files, with weight normalisation multiplied out.
///
/// The folder is used like the published one. A run that is broken off goes on where it stopped: files that
/// are complete are kept, and the configuration, without which the folder is no model, is written last.
public struct ModelImport: Sendable {
  private let description: HunyuanDescription
  private let output: String
  private let precision: Precision
  private let backend: any Backend
  private let files: [ImportedFile]

  /// How far a run is.
  public struct Progress: Sendable {
    /// The file being written.
    public let file: String
    /// Bytes of all files, and those done.
    public let done: Int
    public let total: Int
  }

  /// - Parameters:
  ///   - model: a published model, checked here.
  ///   - output: the folder to be made.
  ///   - precision: of the transformer; nil: as published.
  /// - Throws: `FoleyError`, `CheckpointError` or `MediaError`.
  public init(
    _ model: any ModelDescription, into output: String, precision: Precision?,
    on backend: any Backend
  ) throws {
    guard let model = model as? HunyuanDescription else {
      throw FoleyError.usage(
        "\(model.folder.path): the family \(model.family) needs no import; it is for published models."
      )
    }
    description = model
    self.output = output
    self.precision = precision ?? model.configuration.precision
    guard self.precision != .int8 else {
      throw FoleyError.usage("--precision int8 is made when a model is loaded; store bf16 or f32.")
    }
    self.backend = backend
    let dac = try model.networks().dac
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let sizes = String(decoding: try encoder.encode(dac), as: UTF8.self)
    files = try model.checkpoints().map { [precision = self.precision] checkpoint in
      try ImportedFile(
        checkpoint, name: ModelImport.name(of: checkpoint), in: output,
        convertingTo: checkpoint.part == .transformer ? precision.storage : nil,
        metadata: checkpoint.part == .decoder ? [HunyuanCheckpoint.decoderMetadata: sizes] : [:],
        on: backend)
    }
  }

  /// Where a checkpoint goes.
  private static func name(of checkpoint: ModelCheckpoint) -> String {
    switch checkpoint.part {
    case .text: "clap/model.safetensors"
    case .visual: "siglip2/model.safetensors"
    case .sync, .transformer, .decoder:
      ((checkpoint.file as NSString).lastPathComponent as NSString).deletingPathExtension
        + ".safetensors"
    }
  }

  /// Files that exist only while a run is under way.
  public var partialFiles: [String] { files.map { $0.path + ".partial" } }

  /// Bytes of all tensors to be written.
  public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

  /// - Parameters:
  ///   - overwrite: replace files made of something else.
  ///   - tell: called as the work goes on.
  public func run(overwrite: Bool, tell: (Progress) -> Void) throws {
    let missing = try files.filter { try !$0.isComplete(overwrite: overwrite) }
    try makeFolders()
    try checkSpace(missing.reduce(0) { $0 + $1.bytes })
    var done = bytes - missing.reduce(0) { $0 + $1.bytes }
    for file in missing {
      try file.write { written in
        tell(Progress(file: file.path, done: done + written, total: bytes))
      }
      done += file.bytes
    }
    try copyCompanions()
  }

  private func makeFolders() throws(FoleyError) {
    for folder in [output, output + "/siglip2", output + "/clap"] {
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw .cannotCreate(file: folder, reason: error.localizedDescription)
      }
    }
  }

  private func checkSpace(_ needed: Int) throws(FoleyError) {
    var status = statvfs()
    guard statvfs(output, &status) == 0 else { return }  // Writing will tell.
    let free = Int(status.f_bavail) * Int(status.f_frsize)
    guard free < needed else { return }
    throw .cannotCreate(
      file: output,
      reason: "needs \(ByteCount(needed)), but only \(ByteCount(free)) are free there")
  }

  /// Tokenizer, licences and configurations, the one that makes the folder a model last.
  private func copyCompanions() throws {
    let files = description.files
    for name in files.clap.companions {
      try copy(files.clap.path + "/" + name, to: "clap/" + name)
    }
    try copy(files.siglip.configurationFile, to: "siglip2/" + ModelFolder.configurationFile)
    for licence in description.licenceFiles {
      try copy(licence, to: (licence as NSString).lastPathComponent)
    }
    try copy(files.configuration, to: "config.yaml")
  }

  private func copy(_ source: String, to name: String) throws(FoleyError) {
    let target = output + "/" + name
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: source))
      try data.write(to: URL(fileURLWithPath: target), options: .atomic)
    } catch {
      throw .cannotCreate(file: target, reason: error.localizedDescription)
    }
  }
}
