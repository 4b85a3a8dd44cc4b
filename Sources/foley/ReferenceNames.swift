/// Options by the names the published reference implementation gives them, so that its command lines
/// work here where they mean the same. They are not in the help.
enum ReferenceNames {
  private static let names = [
    "--single_prompt": "--prompt",
    "--neg_prompt": "--negative-prompt",
    "--guidance_scale": "--cfg-scale",
    "--guidance-scale": "--cfg-scale",
    "--num_inference_steps": "--steps",
    "--output_dir": "--output-folder",
    "--model_path": "--model",
  ]

  /// The arguments with those names replaced; `--single_video CLIP` becomes `CLIP`, and so
  /// does the table that `--csv_path` names.
  static func translated(_ arguments: [String]) -> [String] {
    var result: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" { return result + [argument] + rest }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count == 2 ? "=" + parts[1] : ""
      if let name = names[String(parts[0])] {
        result.append(name + value)
      } else if parts[0] == "--single_video" || parts[0] == "--csv_path" {
        if parts.count == 2 { result.append(String(parts[1])) }
      } else {
        result.append(argument)
      }
    }
    return result
  }
}
