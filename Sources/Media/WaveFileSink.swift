import CSndFile
import Foundation

/// Where a `WaveWriter` puts samples that are already in the file's own scale.
protocol WaveSink: AnyObject {
  /// Interleaved samples; integers for PCM (24 bits in the low bits).
  func write(_ samples: UnsafeBufferPointer<Int32>) throws(MediaError)
  func write(_ samples: UnsafeBufferPointer<Float>) throws(MediaError)
  func finish(_ description: SoundDescription) throws(MediaError)
}

/// What a file tells of its sound beside the samples. WAVE files alone can.
struct SoundDescription {
  var broadcast: BroadcastExtension?
  var cues: [CuePoint] = []

  var isEmpty: Bool { broadcast == nil && cues.isEmpty }
}

/// A WAVE, RF64 or FLAC file through libsndfile, over our own descriptor: the library would hide why a
/// write failed and cannot write beside the final name.
final class WaveFileSink: WaveSink {
  private let file: AtomicFile
  private let bits: Int
  private var handle: OpaquePointer?
  private var shorts: [Int16] = []
  private var shifted: [Int32] = []
  /// Holds the place of a `bext` chunk, which libsndfile would sign with its own version.
  private let broadcastPlace: UnsafeMutableRawBufferPointer?
  /// The first `errno` of a write, kept while libsndfile unwinds.
  private var failure: Int32 = 0

  init(
    path: String, format: WaveFormat, container: SoundContainer, rf64: Bool, downgrade: Bool,
    broadcastBytes: Int?
  ) throws(MediaError) {
    broadcastPlace = broadcastBytes.map { size in
      let place = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
      place.initializeMemory(as: UInt8.self, repeating: 0)
      return place
    }
    file = try AtomicFile(path: path)
    bits = 8 * format.encoding.bytesPerSample
    let subtype =
      switch format.encoding {
      case .pcm16: SF_FORMAT_PCM_16
      case .pcm24: SF_FORMAT_PCM_24
      case .float32: SF_FORMAT_FLOAT
      }
    var info = SF_INFO()
    info.samplerate = Int32(format.sampleRate)
    info.channels = Int32(format.channels)
    let major =
      container == .flac ? SF_FORMAT_FLAC : rf64 ? SF_FORMAT_RF64 : SF_FORMAT_WAV
    info.format = Int32(major | subtype)
    var io = SF_VIRTUAL_IO(
      get_filelen: { user in
        var status = stat()
        return fstat(WaveFileSink.from(user).file.descriptor, &status) == 0
          ? Int64(status.st_size) : -1
      },
      seek: { offset, whence, user in
        Int64(lseek(WaveFileSink.from(user).file.descriptor, off_t(offset), whence))
      },
      read: { target, count, user in
        Int64(max(0, Glibc.read(WaveFileSink.from(user).file.descriptor, target, Int(count))))
      },
      write: { source, count, user in WaveFileSink.from(user).put(source, Int(count)) },
      tell: { user in Int64(lseek(WaveFileSink.from(user).file.descriptor, 0, SEEK_CUR)) })
    handle = sf_open_virtual(
      &io, Int32(SFM_WRITE), &info, Unmanaged.passUnretained(self).toOpaque())
    guard let handle else { throw error() }
    // A PEAK chunk holds the time of writing: the same sound would give other bytes.
    sf_command(handle, Int32(SFC_SET_ADD_PEAK_CHUNK), nil, Int32(SF_FALSE))
    if rf64, downgrade, container == .wave {
      sf_command(handle, Int32(SFC_RF64_AUTO_DOWNGRADE), nil, Int32(SF_TRUE))
    }
    if let broadcastPlace {
      var chunk = SF_CHUNK_INFO()
      withUnsafeMutableBytes(of: &chunk.id) { $0.copyBytes(from: WaveChunks.placeholder.utf8) }
      chunk.id_size = 4
      chunk.datalen = UInt32(broadcastPlace.count)
      chunk.data = broadcastPlace.baseAddress
      guard sf_set_chunk(handle, &chunk) == 0 else { throw error() }
    }
  }

  deinit {
    if let handle { sf_close(handle) }
    broadcastPlace?.deallocate()
  }

  private static func from(_ user: UnsafeMutableRawPointer?) -> WaveFileSink {
    Unmanaged<WaveFileSink>.fromOpaque(user!).takeUnretainedValue()
  }

  private func put(_ source: UnsafeRawPointer?, _ count: Int) -> Int64 {
    guard failure == 0 else { return 0 }
    failure = writeAll(file.descriptor, UnsafeRawBufferPointer(start: source, count: count))
    return failure == 0 ? Int64(count) : 0
  }

  func write(_ samples: UnsafeBufferPointer<Int32>) throws(MediaError) {
    let written: sf_count_t
    if bits == 16 {
      shorts.removeAll(keepingCapacity: true)
      shorts.append(contentsOf: samples.lazy.map { Int16($0) })
      written = sf_write_short(handle, shorts, Int64(samples.count))
    } else {
      // libsndfile keeps 24-bit samples in the upper bits.
      shifted.removeAll(keepingCapacity: true)
      shifted.append(contentsOf: samples.lazy.map { $0 << 8 })
      written = sf_write_int(handle, shifted, Int64(samples.count))
    }
    guard written == samples.count, failure == 0 else { throw error() }
  }

  func write(_ samples: UnsafeBufferPointer<Float>) throws(MediaError) {
    let written = sf_write_float(handle, samples.baseAddress, Int64(samples.count))
    guard written == samples.count, failure == 0 else { throw error() }
  }

  func finish(_ description: SoundDescription) throws(MediaError) {
    let status = sf_close(handle)
    handle = nil
    guard status == 0, failure == 0 else { throw error() }
    let chunks = WaveChunks(file)
    try chunks.clearPeakTime()
    if let broadcast = description.broadcast { try chunks.fill(broadcast) }
    try chunks.append(CuePoint.chunks(description.cues))
    try file.commit()
  }

  private func error() -> MediaError {
    .cannotWrite(
      file: file.name,
      reason: failure != 0
        ? MediaError.reason(failure) : String(cString: sf_strerror(handle)))
  }
}

/// A WAVE stream into a pipe or device, written front to back.
final class WaveStreamSink: WaveSink {
  private let name: String
  private let descriptor: Int32
  private let closes: Bool
  private let format: WaveFormat
  private let expected: Int?
  private var bytes: [UInt8] = []
  private var samplesWritten = 0

  /// Standard output for `-`.
  init(path: String, format: WaveFormat, expectedFrames: Int?) throws(MediaError) {
    self.format = format
    expected = expectedFrames
    if path == "-" {
      name = "standard output"
      descriptor = STDOUT_FILENO
      closes = false
    } else {
      name = path
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
      closes = true
      guard descriptor >= 0 else { throw AtomicFile.creating(path, errno) }
    }
    try put(format.streamHeader(frames: expectedFrames))
  }

  deinit { if closes { close(descriptor) } }

  func write(_ samples: UnsafeBufferPointer<Int32>) throws(MediaError) {
    let size = format.encoding.bytesPerSample
    bytes.removeAll(keepingCapacity: true)
    for sample in samples {
      for byte in 0..<size { bytes.append(UInt8(truncatingIfNeeded: sample >> (8 * byte))) }
    }
    samplesWritten += samples.count
    try put(bytes)
  }

  func write(_ samples: UnsafeBufferPointer<Float>) throws(MediaError) {
    bytes.removeAll(keepingCapacity: true)
    for sample in samples {
      withUnsafeBytes(of: sample.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    samplesWritten += samples.count
    try put(bytes)
  }

  func finish(_ description: SoundDescription) throws(MediaError) {
    precondition(description.isEmpty, "a pipe has no room for more than its samples")
    let dataBytes = samplesWritten * format.encoding.bytesPerSample
    if dataBytes & 1 == 1 { try put([0]) }
    guard let expected, !format.needsRF64(frames: expected) else { return }
    guard samplesWritten == expected * format.channels else {
      throw .cannotWrite(
        file: name,
        reason: "the header announces \(expected) frames, "
          + "\(samplesWritten / format.channels) were made")
    }
  }

  private func put(_ bytes: [UInt8]) throws(MediaError) {
    let failure = bytes.withUnsafeBytes { writeAll(descriptor, $0) }
    guard failure == 0 else { throw .cannotWrite(file: name, reason: MediaError.reason(failure)) }
  }
}
