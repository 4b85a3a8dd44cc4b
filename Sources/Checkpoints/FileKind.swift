/// What a file is, by its first bytes and never by its name.
enum FileKind: Equatable {
  case safetensors
  case zip
  /// Something else; the sentence says what and, where it is known, what to do.
  case other(String)

  init(_ bytes: UnsafeRawBufferPointer) {
    func starts(with prefix: some Collection<UInt8>) -> Bool { bytes.starts(with: prefix) }

    if bytes.count > 8, bytes[8] == UInt8(ascii: "{") {
      // Asked first: the eight bytes before it, the header's length, may look like anything.
      self = .safetensors
    } else if starts(with: [0x50, 0x4B, 0x03, 0x04]) || starts(with: [0x50, 0x4B, 0x05, 0x06]) {
      self = .zip
    } else if starts(with: "version https://git-lfs".utf8) {
      self = .other(
        "this is a Git LFS pointer, not the file it stands for; "
          + "fetch it with 'git lfs pull' or download it again")
    } else if starts(with: FileKind.legacyMagic) {
      self = .other(
        "this is the format PyTorch wrote before version 1.6; convert it once, with PyTorch: "
          + "torch.save(torch.load(path, weights_only=True), path)")
    } else if bytes.count > 1, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
      self = .other("this is a bare Python pickle; expected a safetensors or PyTorch zip file")
    } else if bytes.prefix(1024).first(where: { !FileKind.isBlank($0) }) == UInt8(ascii: "<") {
      self = .other("this is a web page, not a checkpoint; the download went wrong")
    } else {
      self = .other(FileKind.unknown)
    }
  }

  static let unknown = "this is neither a safetensors nor a PyTorch zip file"

  /// PROTO 2, then LONG1 with the number 0x1950a86a20f9469cfc6c.
  private static let legacyMagic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]

  /// White space, or a part of the byte order mark that web pages may begin with.
  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte) || [0xEF, 0xBB, 0xBF].contains(byte)
  }
}
