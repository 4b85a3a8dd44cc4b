import CMedia

/// Writes a picture as PNG. The file appears under its name when it is complete.
///
/// - Throws: `MediaError.cannotCreate` or `.cannotWrite`.
public func writePNG(path: String, picture: Picture) throws(MediaError) {
  var encoded: UnsafeMutablePointer<UInt8>?
  var count = 0
  let status = picture.bytes.withUnsafeBufferPointer {
    media_encode_png(
      $0.baseAddress, Int32(picture.width), Int32(picture.height), picture.format.code, &encoded,
      &count)
  }
  guard status >= 0, let encoded else {
    throw .cannotCreate(file: path, reason: MediaError.ffmpegReason(status))
  }
  defer { media_free(encoded) }
  let file = try AtomicFile(path: path)
  let failure = writeAll(file.descriptor, UnsafeRawBufferPointer(start: encoded, count: count))
  guard failure == 0 else { throw .cannotWrite(file: path, reason: MediaError.reason(failure)) }
  try file.commit()
}
