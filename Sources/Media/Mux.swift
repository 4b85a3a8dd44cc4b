import CMedia
import CSndFile
import Foundation

/// How sound is stored beside the pictures.
public enum MuxSound: Sendable, Hashable {
  /// What the container's players expect: AAC for MP4, MOV and MPEG-TS, FLAC for Matroska, Opus for
  /// WebM.
  case automatic
  case aac
  /// Uncompressed, 16 or 24 bits as the WAVE file has; MOV and Matroska only.
  case pcm
  case flac
  case opus
}

/// What `mux` could not take over.
public struct MuxReport: Sendable, Equatable {
  /// Streams of the original that the output's container cannot hold; its sound counts where it was to be kept.
  public var droppedStreams: Int
  /// The picture's rotation could not be stored: it will lie on its side.
  public var lostRotation: Bool
}

/// Writes the video of one file with the sound of another: the picture's packets are copied
/// untouched, and with them all other streams, chapters, cover art, metadata, time code and rotation
/// where the container can hold them. The first shown frame comes at time 0.
///
/// - Parameters:
///   - video: the original video file; not a pipe.
///   - audio: a WAVE file (anything libsndfile reads).
///   - output: the new file; its ending chooses the container. It appears when it is complete.
///   - audioStart: where the sound starts, in seconds from the first shown frame.
///   - sound: how the sound is stored.
///   - keepsSound: the original's own sound is copied untouched into tracks of its own, after the new
///     one; without it, it is left out.
/// - Throws: `MediaError`: of the video, of the sound, or of the output (`.cannotCreate` also when
///   the container cannot hold the video's codec).
@discardableResult
public func mux(
  video: String, audio: String, into output: String, audioStart: Rational = .zero,
  sound: MuxSound = .automatic, keepsSound: Bool = false
) throws(MediaError) -> MuxReport {
  // Where the first shown frame lies is the decoder's knowledge: edit lists and broken starts hide
  // it.
  let decoder = try Decoder(path: video, threads: 1)
  guard let first = try decoder.next() else { throw decoder.noFrames() }
  let source = try SoundSource(path: audio)
  let container = try MuxContainer(output)
  let file = try AtomicFile(path: output)
  let status = try Decoder.url(video).withCString { videoURL in
    ("file:" + file.partialPath).withCString { outputURL in
      container.name.withCString { containerName in
        var request = media_mux_request()
        request.video_url = videoURL
        request.stream = decoder.info.stream
        request.first_time = first.time ?? 0
        let lowest = decoder.counters.lowest_packet_time
        request.lowest_time = lowest == mediaNoTime ? request.first_time : lowest
        request.output_url = outputURL
        request.container = containerName
        request.audio = container.code(sound, bits: source.bits)
        request.sample_rate = source.info.samplerate
        request.channels = source.info.channels
        request.keeps_sound = keepsSound ? 1 : 0
        request.audio_start = Int64(audioStart.scaled(to: Int(source.info.samplerate)))
        request.context = Unmanaged.passUnretained(source).toOpaque()
        request.read = { context, samples, frames in
          Unmanaged<SoundSource>.fromOpaque(context!).takeUnretainedValue().read(samples!, frames)
        }
        var result = media_mux_result()
        let status = media_mux(&request, &result)
        return (code: status, result: result)
      }
    }
  }
  guard status.code >= 0 else {
    if media_error_number(status.code) == ENOMEM { throw .outOfMemory(file: output) }
    let reason = MediaError.ffmpegReason(status.code)
    let detail = string(status.result.detail)
    switch Int(status.result.stage) {
    case MEDIA_MUX_INPUT: throw .unreadable(file: video, reason: reason)
    case MEDIA_MUX_AUDIO: throw .unreadable(file: audio, reason: source.failure)
    case MEDIA_MUX_CONTAINER:
      throw container.cannotHold(detail, file: output)
    case MEDIA_MUX_ENCODER:
      throw .cannotCreate(file: output, reason: "the sound cannot be encoded: \(reason)")
    case MEDIA_MUX_CREATE: throw .cannotCreate(file: output, reason: reason)
    default: throw .cannotWrite(file: output, reason: reason)
    }
  }
  // Reading it back proves the file, and shows what this version of the library left out.
  let written = try Decoder(path: file.partialPath, threads: 1)
  try file.commit()
  return MuxReport(
    droppedStreams: Int(status.result.dropped_streams),
    lostRotation: written.info.orientation != decoder.info.orientation)
}

/// Makes sure, before any work, that `mux` can write the pictures of `video` into a file of this name.
///
/// - Throws: `MediaError`, as `mux` would.
public func checkMux(video: String, into output: String) throws(MediaError) {
  let container = try MuxContainer(output)
  let codec = string(try Decoder(path: video, threads: 1).info.codec)
  guard media_can_hold(container.name, codec) != 0 else {
    throw container.cannotHold(codec, file: output)
  }
}

/// A container to write, chosen by the file's ending.
private struct MuxContainer {
  let ending: String
  /// FFmpeg's short name.
  let name: String

  init(_ path: String) throws(MediaError) {
    ending = (path as NSString).pathExtension.lowercased()
    switch ending {
    case "mp4", "m4v": name = "mp4"
    case "mov": name = "mov"
    case "mkv": name = "matroska"
    case "webm": name = "webm"
    case "ts", "m2ts", "mts": name = "mpegts"
    default:
      throw .cannotCreate(
        file: path,
        reason: "the name must end in .mp4, .m4v, .mov, .mkv, .webm or .ts to say how")
    }
  }

  func cannotHold(_ codec: String, file: String) -> MediaError {
    .cannotCreate(file: file, reason: "a .\(ending) file cannot hold '\(codec)' video; .mkv can")
  }

  func code(_ sound: MuxSound, bits: Int) -> Int32 {
    let code =
      switch sound {
      case .automatic: automatic(bits: bits)
      case .aac: MEDIA_AUDIO_AAC
      case .pcm: bits > 16 ? MEDIA_AUDIO_PCM24 : MEDIA_AUDIO_PCM16
      case .flac: bits > 16 ? MEDIA_AUDIO_FLAC24 : MEDIA_AUDIO_FLAC16
      case .opus: MEDIA_AUDIO_OPUS
      }
    return Int32(code)
  }

  private func automatic(bits: Int) -> Int {
    switch name {
    case "matroska": bits > 16 ? MEDIA_AUDIO_FLAC24 : MEDIA_AUDIO_FLAC16
    case "webm":
      media_can_encode(Int32(MEDIA_AUDIO_OPUS)) != 0 ? MEDIA_AUDIO_OPUS : MEDIA_AUDIO_VORBIS
    default: MEDIA_AUDIO_AAC
    }
  }
}

/// Reads a sound file as floating-point samples.
private final class SoundSource {
  let info: SF_INFO
  private let handle: OpaquePointer

  init(path: String) throws(MediaError) {
    // libsndfile says "system error" where the system says why.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .reading(path, errno) }
    var info = SF_INFO()
    guard let handle = sf_open_fd(descriptor, Int32(SFM_READ), &info, Int32(SF_TRUE)) else {
      throw .unreadable(file: path, reason: String(cString: sf_strerror(nil)))
    }
    self.handle = handle
    self.info = info
  }

  deinit { sf_close(handle) }

  /// Bits needed to keep the samples as they are.
  var bits: Int {
    switch Int(info.format) & SF_FORMAT_SUBMASK {
    case SF_FORMAT_PCM_16, SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8: 16
    default: 24
    }
  }

  var failure: String { String(cString: sf_strerror(handle)) }

  func read(_ samples: UnsafeMutablePointer<Float>, _ frames: Int32) -> Int32 {
    let count = sf_readf_float(handle, samples, Int64(frames))
    return sf_error(handle) == 0 ? Int32(count) : -1
  }
}
