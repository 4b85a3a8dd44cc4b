/// The parts of a file of `torch.save`, to be put together well or badly.
public struct TorchArchive: Sendable {
  public struct Storage: Sendable {
    /// PyTorch's name of the class: "FloatStorage".
    public var type: String
    public var count: Int
    public var bytes: [UInt8]

    public init<Element: BitwiseCopyable>(_ type: String, _ elements: [Element]) {
      self.type = type
      count = elements.count
      bytes = elements.withUnsafeBytes { Array($0) }
    }
  }

  public var pickle: [UInt8]
  public var storages: [[UInt8]]
  public var folder = "archive"
  public var version: String? = "3\n"
  public var byteOrder: String? = "little"

  /// A file of the value, as it should be.
  public init(_ value: Pickled, storages: [Storage], protocol version: Int = 2) {
    self.init(
      pickle: PickleWriter.pickle(
        value, storages: storages.map { ($0.type, $0.count) }, protocol: version),
      storages: storages.map(\.bytes))
  }

  public init(pickle: [UInt8], storages: [[UInt8]]) {
    self.pickle = pickle
    self.storages = storages
  }

  public func bytes(writer: ZipWriter = ZipWriter(), deflated: Bool = false) -> [UInt8] {
    var writer = writer
    writer.add(folder + "/data.pkl", pickle, deflated: deflated)
    if let byteOrder { writer.add(folder + "/byteorder", Array(byteOrder.utf8)) }
    for (index, storage) in storages.enumerated() {
      writer.add(folder + "/data/\(index)", storage, deflated: deflated)
    }
    if let version { writer.add(folder + "/version", Array(version.utf8)) }
    return writer.finished()
  }
}

/// Small correct checkpoints of every kind, from which tests and fuzzers make others.
public enum SampleCheckpoints {
  public static let storages: [TorchArchive.Storage] = [
    .init("FloatStorage", (0..<12).map { Float($0) }),
    .init("BFloat16Storage", [0x3F80, 0xC020] as [UInt16]),
    .init("HalfStorage", [0x3C00] as [UInt16]),
    .init("LongStorage", [-3, 1 << 40] as [Int64]),
    .init("FloatStorage", [] as [Float]),
  ]

  public static let value = Pickled.dictionary([
    (
      "model",
      .stateDictionary([
        ("plain", .tensor(storage: 0, shape: [3, 4], strides: [4, 1])),
        ("turned", .tensor(storage: 0, offset: 1, shape: [2, 3], strides: [1, 4])),
        ("spread", .tensor(storage: 0, offset: 5, shape: [3, 2], strides: [0, 1])),
        ("brain", .parameter(.tensor(storage: 1, shape: [2], strides: [1]))),
        ("scalar", .tensor(storage: 2, shape: [], strides: [])),
        ("empty", .tensor(storage: 4, shape: [0, 4], strides: [4, 1])),
      ])
    ),
    (
      "more",
      .list([.tensor(storage: 3, shape: [2], strides: [1]), .none, .real(0.5), .string("é")])
    ),
    (
      "metadata",
      .dictionary([
        ("rates", .list([.integer(8), .integer(5)])), ("on", .bool(true)),
        ("raw", .bytes([0xFF, 0x00])), ("size", .size([1, 300, 70_000])),
        ("far", .integer(-1 << 40)),
        ("t", .tuple([.integer(-1), .string("b"), .none, .bool(false)])),
      ])
    ),
  ])

  public static func pyTorch(protocol version: Int = 2) -> TorchArchive {
    TorchArchive(value, storages: storages, protocol: version)
  }

  /// A pickle whose tensors fit `storages`.
  public static func pickle(protocol version: Int) -> [UInt8] { pyTorch(protocol: version).pickle }

  public static let safetensors: [UInt8] = {
    let header = """
      {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},\
      "caf\\u00e9":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},\
      "none":{"dtype":"I64","shape":[0,3],"data_offsets":[28,28]},\
      "scalar":{"dtype":"F64","shape":[],"data_offsets":[28,36]}}
      """
    return safetensors(header: header, data: (0..<36).map { UInt8($0) })
  }()

  public static func safetensors(header: String, data: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.add(header.utf8.count, UInt64.self)
    return bytes + Array(header.utf8) + data
  }

  /// One of each: stored, deflated, 64-bit, newer pickle, safetensors.
  public static let all: [[UInt8]] = {
    var writer = ZipWriter()
    writer.is64Bit = true
    return [
      safetensors, pyTorch().bytes(), pyTorch().bytes(deflated: true),
      pyTorch(protocol: 4).bytes(writer: writer),
    ]
  }()
}
