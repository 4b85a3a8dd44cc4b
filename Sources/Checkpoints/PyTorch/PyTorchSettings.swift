// Plain values beside the tensors, such as the settings a network was built with, read by the keys on
// the way to them: `file.integers(at: "metadata.kwargs.decoder_rates")`.

extension PyTorchFile {
  public func bool(at path: String) throws(CheckpointError) -> Bool {
    try value(at: path, "True or False", \.bool)
  }

  public func integer(at path: String) throws(CheckpointError) -> Int {
    try value(at: path, "a whole number", \.integer)
  }

  public func number(at path: String) throws(CheckpointError) -> Double {
    try value(at: path, "a number", \.number)
  }

  public func string(at path: String) throws(CheckpointError) -> String {
    try value(at: path, "text", \.string)
  }

  public func integers(at path: String) throws(CheckpointError) -> [Int] {
    try value(at: path, "a list of whole numbers", \.integers)
  }

  /// The value at `path`, keys joined by dots; nil where there is none.
  public func value(at path: String) -> PickledValue? {
    path.split(separator: ".").reduce(values as PickledValue?) { $0?[String($1)] }
  }

  /// - Throws: `invalidValue` when there is none or it is something else.
  private func value<Value>(
    at path: String, _ expected: String, _ read: (PickledValue) -> Value?
  ) throws(CheckpointError) -> Value {
    let found = value(at: path)
    guard let result = found.flatMap(read) else {
      throw .invalidValue(
        file: file, key: path, expected: expected, found: found?.description ?? "missing")
    }
    return result
  }
}
