import Foundation

/// Under which terms a part of a model may be used.
public struct ModelLicence: Encodable, Sendable, Equatable {
  /// The file or the part of the model.
  public var subject: String
  /// The licence's name, or a sentence on its nature.
  public var licence: String
  /// Who made it, or where it comes from.
  public var origin: String?
  /// Where the text lies.
  public var file: String?
}

extension ModelFolder {
  /// Files of the folder whose names say that they hold a licence.
  var licenceFiles: [String] {
    HunyuanFiles.files(in: path).filter { name in
      ["licen", "notice"].contains { name.lowercased().hasPrefix($0) }
    }.map(file)
  }
}

extension HunyuanDescription {
  var licenceFiles: [String] { folder.licenceFiles }

  /// The published model is not this program's: its terms are its authors' own.
  func licences() -> [ModelLicence] {
    func encoder(_ folder: HunyuanFiles.EncoderFolder, _ subject: String, _ origin: String)
      -> ModelLicence
    {
      ModelLicence(
        subject: subject, licence: "published apart, under terms of its own; its page names them",
        origin: origin,
        file: ModelFolder(path: folder.path).licenceFiles.first
          ?? HunyuanFiles.files(in: folder.path).first { $0 == "README.md" }
          .map { folder.path + "/" + $0 })
    }
    return [
      ModelLicence(
        subject: "transformer, sound decoder, Synchformer",
        licence: PublishedLicence.nature
          + (licenceFiles.isEmpty
            ? " Its text is not in this folder; it lies where the model is downloaded." : ""),
        origin: "tencent/HunyuanVideo-Foley", file: licenceFiles.first),
      encoder(files.siglip, "SigLIP2", "google/siglip2-base-patch16-512"),
      encoder(files.clap, "CLAP", "laion/larger_clap_general"),
    ]
  }
}

extension MiniDescription {
  /// As the manifest beside the model has them.
  func licences() throws(FoleyError) -> [ModelLicence] {
    let entries = try ModelManifest(beside: folder)?.files ?? []
    return entries.filter { $0.file.hasPrefix(folder.name + "/") }.map {
      ModelLicence(
        subject: String($0.file.dropFirst(folder.name.count + 1)),
        licence: $0.licence ?? "not stated", origin: $0.origin)
    }
  }
}

/// What is to be known of published weights before anyone has downloaded them.
public enum PublishedLicence {
  public static let nature =
    "the licence of HunyuanVideo-Foley's authors, which is not this program's. It excludes some "
    + "territories (the European Union, the United Kingdom and South Korea when this was written) "
    + "and some uses, and speaks of what is made with the model, too. Read it before you use the "
    + "model."
}
