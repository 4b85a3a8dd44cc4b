import CMedia
import Foundation

/// The sound that a clip brings along, decoded and resampled, on the clock of its pictures: the first sample belongs to
/// the moment asked for, and where the clip is silent or has a gap there are zeros. Memory does not depend on its length.
public final class ClipSound {
  public let path: String
  /// Of what is read: those asked for.
  public let channels: Int
  private let handle: OpaquePointer

  /// - Parameters:
  ///   - start: seconds on the container's clock, such as `VideoInformation.startTime`.
  ///   - channels: 1 or 2; nil: 2 where the clip's sound has two or more. More are mixed down, each channel at most as
  ///     loud as they are together.
  /// - Returns: nil where the clip has no sound.
  /// - Throws: `MediaError`
  public init?(
    path: String, start: Rational, channels: Int? = nil, sampleRate: Int = 48_000
  ) throws(MediaError) {
    var handle: OpaquePointer?
    var given: Int32 = 0
    let status = media_sound_open(
      try Decoder.url(path), Int32(sampleRate), Int32(channels ?? 0),
      Int64(start.scaled(to: sampleRate)), &handle, &given)
    switch status {
    case 0: break
    case Int32(MEDIA_NO_SOUND_STREAM): return nil
    case Int32(MEDIA_NO_DECODER): throw .unsupportedCodec(file: path, codec: "its sound")
    case Int32(MEDIA_OUT_OF_MEMORY): throw .outOfMemory(file: path)
    default: throw .reading(path, ffmpeg: status)
    }
    guard let handle else { preconditionFailure("a sound without a handle") }
    self.path = path
    self.channels = Int(given)
    self.handle = handle
  }

  deinit { media_sound_close(handle) }

  /// The next interleaved samples, full scale 1; empty at the end.
  ///
  /// - Parameter frames: at most so many of each channel.
  public func read(frames: Int) throws(MediaError) -> [Float] {
    var status: Int32 = 0
    let samples = [Float](unsafeUninitializedCapacity: frames * channels) { buffer, count in
      status = media_sound_read(handle, buffer.baseAddress, Int32(frames))
      count = max(0, Int(status)) * channels
    }
    guard status >= 0 else { throw .reading(path, ffmpeg: status) }
    return samples
  }
}

extension SampleStore {
  /// Takes the clip's sound up to a length; where it ends sooner, silence follows.
  ///
  /// - Throws: `MediaError`
  public func append(_ sound: ClipSound, frames: Int) throws(MediaError) {
    precondition(channels == sound.channels)
    var missing = frames
    while missing > 0 {
      let samples = try sound.read(frames: min(missing, 1 << 15))
      if samples.isEmpty { break }
      // What a broken decoder gives must not spread.
      try append(samples.map { $0.isFinite ? $0 : 0 })
      missing -= samples.count / channels
    }
    while missing > 0 {
      let count = min(missing, 1 << 15)
      try append([Float](repeating: 0, count: count * channels))
      missing -= count
    }
  }
}
