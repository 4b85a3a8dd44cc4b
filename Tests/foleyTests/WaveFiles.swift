import Foundation

/// Writes 16-bit samples, mono at 48 kHz, as a WAVE file.
func writeWave(_ samples: [Float], to url: URL) throws {
  var data = Data("RIFF".utf8)
  func append(_ value: Int, _ size: Int) {
    withUnsafeBytes(of: Int64(value).littleEndian) { data.append(contentsOf: $0.prefix(size)) }
  }
  append(36 + 2 * samples.count, 4)
  data += Data("WAVEfmt ".utf8)
  for (value, size) in [(16, 4), (1, 2), (1, 2), (48_000, 4), (96_000, 4), (2, 2), (16, 2)] {
    append(value, size)
  }
  data += Data("data".utf8)
  append(2 * samples.count, 4)
  for sample in samples { append(Int(max(-32_768, min(32_767, sample * 32_767))), 2) }
  try data.write(to: url)
}
