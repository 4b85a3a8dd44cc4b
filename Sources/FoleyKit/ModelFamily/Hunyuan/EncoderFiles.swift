import Foundation
import Networks

extension HunyuanFiles.EncoderFolder {
  /// CLAP's tokenizer, from `vocab.json` and `merges.txt` or, where these are absent, `tokenizer.json`.
  func tokenizer() throws -> BytePairTokenizer {
    let (vocabulary, merges, whole) = (
      path + "/vocab.json", path + "/merges.txt", path + "/tokenizer.json"
    )
    func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: file) }
    if exists(vocabulary), exists(merges) {
      return try BytePairTokenizer(vocabulary: vocabulary, merges: merges)
    }
    guard exists(whole) else {
      throw FoleyError.badModel(
        path: path, reason: "holds neither vocab.json with merges.txt nor tokenizer.json")
    }
    return try BytePairTokenizer(tokenizer: whole)
  }

  /// Names of the files that are needed beside the weights, as far as they are there.
  var companions: [String] {
    [ModelFolder.configurationFile, "vocab.json", "merges.txt", "tokenizer.json"]
      .filter { FileManager.default.fileExists(atPath: path + "/" + $0) }
  }
}
