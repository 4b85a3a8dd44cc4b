import Checkpoints
import Foundation
import Networks

/// Opens the files of a published model, as they were published or as `ModelImport` wrote them.
enum HunyuanCheckpoint {
  /// Where a file of PyTorch's keeps its tensors, if it keeps other things beside them.
  private static let stateDictionary = "state_dict"
  /// Where an imported file keeps what the published one has beside its tensors.
  static let decoderMetadata = "dac"

  static func open(_ path: String) throws(CheckpointError) -> any TensorSource {
    let file = try CheckpointFile.open(path)
    guard file.keys.contains(where: { $0.hasPrefix(stateDictionary + ".") }) else { return file }
    return try file.tensors(below: stateDictionary)
  }

  /// The sizes of the sound decoder, which its file states.
  static func decoderConfiguration(_ path: String) throws -> DACConfiguration {
    switch try CheckpointFile.open(path) {
    case .safetensors(let file):
      guard let text = file.metadata[decoderMetadata] else {
        throw CheckpointError.malformed(
          file: path,
          reason: "it lacks the sizes of the decoder ('\(decoderMetadata)' in its metadata)")
      }
      do {
        return try JSONDecoder().decode(DACConfiguration.self, from: Data(text.utf8))
      } catch let error as DecodingError {
        throw CheckpointError.malformed(
          file: path, reason: "'\(decoderMetadata)' in its metadata: \(error.reason)")
      }
    case .pyTorch(let file):
      guard let arguments = file.values["metadata"]?["kwargs"] else {
        throw CheckpointError.malformed(
          file: path, reason: "it lacks the sizes of the decoder ('metadata', 'kwargs')")
      }
      return try DACConfiguration(arguments, file: path)
    }
  }
}

extension DACConfiguration {
  /// The arguments the published implementation builds its autoencoder with.
  init(_ arguments: PickledValue, file: String) throws(CheckpointError) {
    func read<Value>(
      _ key: String, _ expected: String, _ value: (PickledValue) -> Value?
    ) throws(CheckpointError) -> Value {
      guard let found = arguments[key] else {
        throw .malformed(file: file, reason: "'metadata.kwargs.\(key)' is missing")
      }
      guard let value = value(found) else {
        throw .invalidValue(
          file: file, key: "metadata.kwargs.\(key)", expected: expected, found: "\(found)")
      }
      return value
    }
    self.init(
      encoderDim: try read("encoder_dim", "a whole number", \.integer),
      encoderRates: try read("encoder_rates", "a list of whole numbers", \.integers),
      latentDim: try read("latent_dim", "a whole number", \.integer),
      decoderDim: try read("decoder_dim", "a whole number", \.integer),
      decoderRates: try read("decoder_rates", "a list of whole numbers", \.integers),
      sampleRate: try read("sample_rate", "a whole number", \.integer),
      continuous: try read("continuous", "True or False", \.bool))
  }
}
