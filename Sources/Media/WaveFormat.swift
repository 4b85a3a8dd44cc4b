import Foundation

/// How samples are stored.
public enum WaveEncoding: Sendable, Hashable, CaseIterable {
  /// 16-bit integers, dithered.
  case pcm16
  /// 24-bit integers, dithered.
  case pcm24
  case float32

  public var bytesPerSample: Int {
    switch self {
    case .pcm16: 2
    case .pcm24: 3
    case .float32: 4
    }
  }
}

/// The kind of file around the samples.
public enum SoundContainer: Sendable, Hashable, CaseIterable {
  /// WAVE, or RF64 past 4 GiB.
  case wave
  /// FLAC: smaller, without loss; 16 or 24 bits, into a file only.
  case flac
}

/// What a WAVE file of one shape looks like.
struct WaveFormat {
  let sampleRate: Int
  let channels: Int
  let encoding: WaveEncoding

  var bytesPerFrame: Int { channels * encoding.bytesPerSample }

  /// What headers may take beside the samples; a file near the limit gets the 64-bit form early.
  private static let headerAllowance = 4096

  /// Whether the plain header's 32-bit sizes cannot hold `frames`, so that RF64 is needed.
  func needsRF64(frames: Int) -> Bool {
    let (bytes, overflow) = frames.multipliedReportingOverflow(by: bytesPerFrame)
    return overflow || bytes > Int(UInt32.max) - WaveFormat.headerAllowance
  }

  /// The header of a stream that cannot be rewound. `frames` nil where the length is not known,
  /// which writes the largest sizes, as is the custom for pipes.
  func streamHeader(frames: Int?) -> [UInt8] {
    let dataBytes =
      frames.flatMap { needsRF64(frames: $0) ? nil : UInt32($0 * bytesPerFrame) } ?? .max
    let isFloat = encoding == .float32
    var header: [UInt8] = []
    func text(_ value: String) { header += Array(value.utf8) }
    func u32(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { header += $0 } }
    func u16(_ value: Int) { withUnsafeBytes(of: UInt16(value).littleEndian) { header += $0 } }
    let padding = dataBytes == .max ? 0 : dataBytes & 1
    let beforeData: UInt32 = isFloat ? 50 : 36
    text("RIFF")
    u32(dataBytes == .max ? .max : beforeData + dataBytes + padding)
    text("WAVE")
    text("fmt ")
    u32(isFloat ? 18 : 16)
    u16(isFloat ? 3 : 1)
    u16(channels)
    u32(UInt32(sampleRate))
    u32(UInt32(sampleRate * bytesPerFrame))
    u16(bytesPerFrame)
    u16(8 * encoding.bytesPerSample)
    if isFloat {
      u16(0)
      text("fact")
      u32(4)
      u32(dataBytes == .max ? .max : UInt32(frames!))
    }
    text("data")
    u32(dataBytes)
    return header
  }
}

/// Turns floating-point samples into integers with triangular dither, so that quiet sound fades
/// into noise instead of distortion. The noise is a function of the sample's position alone: the
/// same samples give the same bytes on every run, however they are cut into blocks.
public struct Quantizer: Sendable {
  /// 32768 for 16 bits, 8388608 for 24.
  public let scale: Float
  private(set) var position: UInt64
  /// Samples outside -1...1 or not a number.
  private(set) var clipped = 0

  /// - Parameter stream: another number gives other noise, for sounds that are to be added.
  public init(bits: Int, stream: Int = 0) {
    scale = Float(1 << (bits - 1))
    position = UInt64(stream) << 48
  }

  public mutating func quantize(_ sample: Float) -> Int32 {
    let noise = Quantizer.triangular(position)
    position += 1
    let value = limited(sample)
    // In double precision: 24 bits and a fraction do not fit a Float.
    let scaled = (Double(value) * Double(scale) + noise).rounded()
    return Int32(max(-Double(scale), min(Double(scale) - 1, scaled)))
  }

  mutating func limited(_ sample: Float) -> Float {
    if sample >= -1, sample <= 1 { return sample }
    clipped += 1
    return sample.isNaN ? 0 : sample > 0 ? 1 : -1
  }

  /// The difference of two uniform numbers, in -1...1 steps of the integer scale.
  private static func triangular(_ position: UInt64) -> Double {
    // SplitMix64's output function of the counter.
    var z = (position &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    let difference = Int64(z >> 32) - Int64(z & 0xFFFF_FFFF)
    return Double(difference) * 0x1p-32
  }
}
