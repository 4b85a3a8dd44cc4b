import Foundation

/// The chunks of a finished WAVE or RF64 file, for what libsndfile does not write, or not the same everywhere.
struct WaveChunks {
  /// The name under which libsndfile keeps the place of `bext`: that one itself is reserved to it.
  static let placeholder = "bexT"

  private let file: AtomicFile
  private let header: [UInt8]

  init(_ file: AtomicFile) {
    self.file = file
    var header = [UInt8](repeating: 0, count: 8192)
    let count = pread(file.descriptor, &header, header.count, 0)
    self.header = Array(header.prefix(max(0, count)))
  }

  /// libsndfile cannot be told to leave out the PEAK chunk of RF64: its time of writing goes.
  func clearPeakTime() throws(MediaError) {
    // After the chunk's name, its size and a version.
    guard let chunk = place(of: "PEAK") else { return }
    try put([0, 0, 0, 0], at: chunk + 12)
  }

  /// Writes the `bext` chunk into its place.
  func fill(_ broadcast: BroadcastExtension) throws(MediaError) {
    guard let chunk = place(of: WaveChunks.placeholder) else {
      preconditionFailure("no place was kept for the bext chunk")
    }
    let bytes = broadcast.bytes
    precondition(bytes.count == size(of: chunk), "a bext chunk that has grown")
    try put(Array("bext".utf8), at: chunk)
    try put(bytes, at: chunk + 8)
  }

  /// Appends chunks behind the samples. Those that a plain file has no room for are left out: it ends before 4 GiB.
  func append(_ chunks: [UInt8]) throws(MediaError) {
    guard !chunks.isEmpty else { return }
    let isLarge = header.starts(with: "RF64".utf8)
    var end = Int(lseek(file.descriptor, 0, SEEK_END))
    guard isLarge || end + 1 + chunks.count - 8 <= Int(UInt32.max) else { return }
    if end % 2 == 1 {
      try put([0], at: end)
      end += 1
    }
    try put(chunks, at: end)
    let size = UInt64(end + chunks.count - 8)
    // Of RF64 the size lies in the chunk `ds64`, which is the first.
    let bytes = withUnsafeBytes(of: size.littleEndian) { Array($0) }
    try isLarge ? put(bytes, at: 20) : put(Array(bytes.prefix(4)), at: 4)
  }

  /// Where a chunk before the samples begins.
  private func place(of name: String) -> Int? {
    guard header.starts(with: "RIFF".utf8) || header.starts(with: "RF64".utf8) else { return nil }
    var chunk = 12
    while chunk + 16 <= header.count {
      if header[chunk..<chunk + 4].elementsEqual(name.utf8) { return chunk }
      if header[chunk..<chunk + 4].elementsEqual("data".utf8) { return nil }
      let size = size(of: chunk)
      chunk += 8 + size + (size & 1)
    }
    return nil
  }

  private func size(of chunk: Int) -> Int {
    (4..<8).reversed().reduce(0) { $0 << 8 | Int(header[chunk + $1]) }
  }

  private func put(_ bytes: [UInt8], at offset: Int) throws(MediaError) {
    var done = 0
    while done < bytes.count {
      let written = bytes.withUnsafeBytes { raw in
        pwrite(file.descriptor, raw.baseAddress! + done, bytes.count - done, off_t(offset + done))
      }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else {
        throw .cannotWrite(file: file.name, reason: MediaError.reason(errno))
      }
      done += written
    }
  }
}
