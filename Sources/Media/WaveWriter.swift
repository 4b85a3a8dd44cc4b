/// Writes a WAVE or FLAC file, streamed: memory does not depend on its length.
///
/// The file appears under its name when `finish()` returns, synced to the disk; until then it is
/// NAME.partial, which is removed when the writer is dropped unfinished. The same samples give the
/// same bytes. Pipes and devices are written into directly.
public final class WaveWriter {
  public let path: String
  public let sampleRate: Int
  public let channels: Int
  public let encoding: WaveEncoding
  /// Frames (samples of every channel) written so far.
  public private(set) var frameCount = 0
  /// Samples that were outside -1...1, or not a number, and were limited. A limiter belongs before
  /// this; anything but 0 is its mistake.
  public var clippedSamples: Int { quantizer.clipped }
  /// Told in the file's `bext` chunk; may change until the file is finished, but for its coding history.
  public var broadcast: BroadcastExtension?
  /// Named places, told behind the samples of a WAVE file.
  public var cues: [CuePoint] = []

  private let format: WaveFormat
  private let isRF64: Bool
  private var sink: (any WaveSink)?
  private var quantizer: Quantizer
  private var integers: [Int32] = []
  private var floats: [Float] = []

  /// Creates the file.
  ///
  /// - Parameters:
  ///   - path: the final name, or `-` for standard output.
  ///   - sampleRate: in hertz.
  ///   - channels: 1 or more.
  ///   - container: FLAC needs whole-number samples and a file, no pipe.
  ///   - expectedFrames: the length where it is known. It decides between WAVE and RF64 (over 4 GiB),
  ///     and is what the header of a pipe announces. Without it a file becomes whichever it needs.
  ///   - broadcast: makes it a broadcast wave file; not for FLAC, nor for a pipe.
  /// - Throws: `MediaError.cannotCreate` or `.cannotWrite`.
  public init(
    path: String, sampleRate: Int = 48000, channels: Int = 1, encoding: WaveEncoding = .pcm16,
    container: SoundContainer = .wave, expectedFrames: Int? = nil,
    broadcast: BroadcastExtension? = nil
  ) throws(MediaError) {
    precondition(container == .wave || encoding != .float32, "FLAC holds whole numbers only")
    precondition(sampleRate > 0 && channels > 0 && channels <= 64, "not a shape of sound")
    precondition(container == .wave || broadcast == nil, "FLAC has no bext chunk")
    self.path = path
    self.broadcast = broadcast
    self.sampleRate = sampleRate
    self.channels = channels
    self.encoding = encoding
    format = WaveFormat(sampleRate: sampleRate, channels: channels, encoding: encoding)
    quantizer = Quantizer(bits: encoding == .pcm24 ? 24 : 16)
    if path == "-" || AtomicFile.isStream(path) {
      guard container == .wave else {
        throw .cannotCreate(file: path, reason: "FLAC cannot be written into a pipe or device")
      }
      isRF64 = true
      sink = try WaveStreamSink(path: path, format: format, expectedFrames: expectedFrames)
    } else {
      isRF64 = expectedFrames.map(format.needsRF64(frames:)) ?? true
      sink = try WaveFileSink(
        path: path, format: format, container: container, rf64: isRF64,
        downgrade: expectedFrames == nil, broadcastBytes: broadcast?.bytes.count)
    }
  }

  /// Appends interleaved samples, -1...1; the count must be a multiple of the channels.
  public func write(_ samples: [Float]) throws(MediaError) {
    try samples.withUnsafeBufferPointer { (buffer) throws(MediaError) in try write(buffer) }
  }

  /// Appends interleaved samples, -1...1; the count must be a multiple of the channels.
  public func write(_ samples: UnsafeBufferPointer<Float>) throws(MediaError) {
    guard let sink else { preconditionFailure("a finished file takes no more samples") }
    precondition(samples.count % channels == 0, "samples of all channels belong together")
    // In blocks, so that a long array does not double in memory.
    var rest = samples[...]
    while !rest.isEmpty {
      let count = min(rest.count, 16384 * channels)
      let block = UnsafeBufferPointer(rebasing: rest.prefix(count))
      rest = rest.dropFirst(count)
      frameCount += count / channels
      guard isRF64 || !format.needsRF64(frames: frameCount) else {
        throw .cannotWrite(
          file: path, reason: "more sound was made than the 4 GiB the file was planned for")
      }
      if encoding == .float32 {
        floats.removeAll(keepingCapacity: true)
        for sample in block { floats.append(quantizer.limited(sample)) }
        try floats.withUnsafeBufferPointer { (b) throws(MediaError) in try sink.write(b) }
      } else {
        integers.removeAll(keepingCapacity: true)
        for sample in block { integers.append(quantizer.quantize(sample)) }
        try integers.withUnsafeBufferPointer { (b) throws(MediaError) in try sink.write(b) }
      }
    }
  }

  /// Appends interleaved samples that are whole numbers of the file's own scale (`Quantizer`) already.
  public func write(quantized samples: [Int32]) throws(MediaError) {
    guard let sink else { preconditionFailure("a finished file takes no more samples") }
    precondition(encoding != .float32 && samples.count % channels == 0)
    frameCount += samples.count / channels
    guard isRF64 || !format.needsRF64(frames: frameCount) else {
      throw .cannotWrite(
        file: path, reason: "more sound was made than the 4 GiB the file was planned for")
    }
    try samples.withUnsafeBufferPointer { (b) throws(MediaError) in try sink.write(b) }
  }

  /// Completes the header, makes the file durable and gives it its name. Once.
  public func finish() throws(MediaError) {
    guard let sink else { preconditionFailure("a file is finished once") }
    self.sink = nil
    try sink.finish(SoundDescription(broadcast: broadcast, cues: cues))
  }
}
