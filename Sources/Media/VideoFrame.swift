import CMedia
import Foundation

/// A decoded frame, kept as the decoder left it; pictures are made from it on demand.
///
/// Holding a frame holds the decoder's memory of it (12 MB for 4K), so keep few. Not for use from
/// several threads at once.
public struct VideoFrame {
  /// When the frame starts to be shown: seconds from the start of the range, exact.
  public internal(set) var time: Rational
  /// Size as displayed: square pixels, after rotation.
  public let width: Int
  public let height: Int
  /// The decoder had to hide damage in this frame.
  public let isDamaged: Bool

  private let storage: FrameStorage
  private let orientation: Orientation
  private let scalers: ScalerCache

  init(
    time: Rational, storage: FrameStorage, info: media_frame_info, scalers: ScalerCache
  ) {
    self.time = time
    self.storage = storage
    self.scalers = scalers
    (width, height) = displayedSize(info)
    isDamaged = info.damaged != 0
    orientation = Orientation(info.orientation)
  }

  /// The frame scaled to `width` x `height` (1 or more), turned for display. Of two interlaced fields it is
  /// the first, whose time is the frame's; high dynamic range (PQ, HLG) is mapped to the ordinary one.
  public func picture(
    width: Int, height: Int, format: PictureFormat, fit: PictureFit = .stretch
  ) throws(MediaError) -> Picture {
    precondition(width > 0 && height > 0, "a picture needs a size")
    var (fullWidth, fullHeight) = (width, height)
    if fit == .centreCrop {
      // Scaled whole to a covering size, then cut: works alike for all pixel formats. Extreme
      // shapes would need absurd sizes and are stretched beyond 8 times.
      if width * self.height >= height * self.width {
        fullHeight = min(8 * height, max(height, divide(self.height * width, self.width)))
      } else {
        fullWidth = min(8 * width, max(width, divide(self.width * height, self.height)))
      }
    }
    let turned = orientation.transposes
    let scaler = try scalers.scaler(
      width: turned ? fullHeight : fullWidth, height: turned ? fullWidth : fullHeight,
      format: format)
    var pixels: UnsafePointer<UInt8>?
    var rowBytes: Int32 = 0
    let status = media_scale(scaler.handle, storage.handle, &pixels, &rowBytes)
    guard status >= 0, let pixels else {
      if media_error_number(status) == ENOMEM { throw .outOfMemory(file: scalers.file) }
      throw .unsupportedPicture(file: scalers.file, reason: MediaError.ffmpegReason(status))
    }
    return copy(
      pixels, rowBytes: Int(rowBytes), format: format, width: width, height: height,
      fullWidth: fullWidth, fullHeight: fullHeight)
  }

  private func divide(_ a: Int, _ b: Int) -> Int { (2 * a + b) / (2 * b) }

  /// Copies the middle of the scaled picture, turning it on the way.
  private func copy(
    _ source: UnsafePointer<UInt8>, rowBytes: Int, format: PictureFormat, width: Int, height: Int,
    fullWidth: Int, fullHeight: Int
  ) -> Picture {
    let size = format.bytesPerPixel
    let left = (fullWidth - width) / 2
    let top = (fullHeight - height) / 2
    let orientation = orientation
    let bytes = [UInt8](unsafeUninitializedCapacity: width * height * size) { buffer, count in
      let target = buffer.baseAddress!
      for y in 0..<height {
        let row = target + y * width * size
        let shownY = orientation.mirrorsY ? fullHeight - 1 - (y + top) : y + top
        if !orientation.transposes, !orientation.mirrorsX {
          row.update(from: source + shownY * rowBytes + left * size, count: width * size)
          continue
        }
        for x in 0..<width {
          let shownX = orientation.mirrorsX ? fullWidth - 1 - (x + left) : x + left
          let pixel =
            orientation.transposes
            ? source + shownX * rowBytes + shownY * size
            : source + shownY * rowBytes + shownX * size
          for channel in 0..<size { row[x * size + channel] = pixel[channel] }
        }
      }
      count = width * height * size
    }
    return Picture(width: width, height: height, format: format, bytes: bytes)
  }
}

/// Owns one decoded frame of the C side.
final class FrameStorage {
  let handle: OpaquePointer
  init(_ handle: OpaquePointer) { self.handle = handle }
  deinit { media_frame_free(handle) }
}

/// Scalers by target size and format: their tables are costly to build and every frame needs the
/// same.
final class ScalerCache {
  final class Scaler {
    let handle: OpaquePointer
    init(_ handle: OpaquePointer) { self.handle = handle }
    deinit { media_scaler_free(handle) }
  }

  private struct Key: Hashable {
    let width: Int
    let height: Int
    let format: PictureFormat
  }

  let file: String
  private var scalers: [Key: Scaler] = [:]

  /// More sizes than this are used by nobody; it bounds memory.
  private static let capacity = 8

  init(file: String) { self.file = file }

  func scaler(width: Int, height: Int, format: PictureFormat) throws(MediaError) -> Scaler {
    let key = Key(width: width, height: height, format: format)
    if let scaler = scalers[key] { return scaler }
    guard width <= 1 << 15, height <= 1 << 15 else {
      throw .unsupportedPicture(file: file, reason: "\(width) x \(height) pixels are too many")
    }
    guard let handle = media_scaler_create(Int32(width), Int32(height), format.code) else {
      throw .outOfMemory(file: file)
    }
    if scalers.count >= ScalerCache.capacity { scalers.removeAll() }
    let scaler = Scaler(handle)
    scalers[key] = scaler
    return scaler
  }
}
