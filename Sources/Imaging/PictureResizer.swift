import CKernels

/// Resizes pictures of one size to another: the tables are made once, rows pass through memory that fits
/// the cache, and only the pixels that are kept are computed.
///
/// Pictures are rows of packed red, green, blue bytes.
public struct PictureResizer: Sendable {
  public let input: PixelSize
  /// What is kept of the resized picture.
  public let output: PixelSize
  private let across: ResampleTaps
  private let down: ResampleTaps
  private let verticalFirst: Bool
  // A table of constants.
  nonisolated(unsafe) private let kernels: UnsafePointer<FoleyPictureKernels>

  /// - Parameters:
  ///   - whole: size of the whole resized picture.
  ///   - columns, rows: what is kept of it; all of it where not given.
  public init(
    _ filter: ResampleFilter, from input: PixelSize, to whole: PixelSize,
    columns: Range<Int>? = nil, rows: Range<Int>? = nil
  ) {
    self.init(
      filter, from: input, to: whole, columns: columns, rows: rows,
      kernels: PictureResizer.allKernels.last!)
  }

  /// For every instruction set of this processor, least first.
  static var allKernels: [UnsafePointer<FoleyPictureKernels>] {
    [FoleyBaseline, FoleyAVX2, FoleyAVX512].compactMap { foley_picture_kernels($0) }
  }

  init(
    _ filter: ResampleFilter, from input: PixelSize, to whole: PixelSize, columns: Range<Int>?,
    rows: Range<Int>?, kernels: UnsafePointer<FoleyPictureKernels>
  ) {
    self.kernels = kernels
    let columns = columns ?? 0..<whole.width
    let rows = rows ?? 0..<whole.height
    self.input = input
    output = PixelSize(width: columns.count, height: rows.count)
    across = ResampleTaps(filter, from: input.width, to: whole.width, keeping: columns)
    down = ResampleTaps(filter, from: input.height, to: whole.height, keeping: rows)
    verticalFirst = filter.isVerticalFirst(from: input, to: whole)
  }

  /// - Parameters:
  ///   - pixels: the picture; rows begin `stride` bytes apart.
  /// - Returns: the kept pixels, rows packed tightly.
  public func callAsFunction(_ pixels: RawSpan, stride: Int) -> [UInt8] {
    precondition(
      stride >= 3 * input.width
        && pixels.byteCount >= (input.height - 1) * stride + 3 * input.width,
      "\(pixels.byteCount) bytes for \(input.width) x \(input.height) pixels, rows \(stride) apart")
    return pixels.withUnsafeBytes { bytes in
      let source = Source(bytes, stride: stride, rowBytes: 3 * input.width)
      return [UInt8](unsafeUninitializedCapacity: 3 * output.width * output.height) {
        result, count in
        if verticalFirst {
          downThenAcross(source, result.baseAddress!)
        } else {
          acrossThenDown(source, result.baseAddress!)
        }
        count = 3 * output.width * output.height
      }
    }
  }

  private struct Source {
    let base: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>
    let stride: Int
    let rowBytes: Int

    init(_ bytes: UnsafeRawBufferPointer, stride: Int, rowBytes: Int) {
      base = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
      end = base + bytes.count
      self.stride = stride
      self.rowBytes = rowBytes
    }

    func row(_ index: Int) -> UnsafePointer<UInt8> { base + index * stride }
  }

  /// Bytes past a row that the horizontal kernel may read: taps padded to whole groups, and its margin.
  private var margin: Int { 3 * across.stride + Int(FOLEY_PICTURE_MARGIN) }

  // MARK: Horizontal pass first

  /// Input rows are made narrow when an output row first needs them, and kept in a ring of as many as
  /// one output row needs.
  private func acrossThenDown(_ source: Source, _ result: UnsafeMutablePointer<UInt8>) {
    let width = 3 * output.width
    let kept = down.lengths.max()!
    withScratch(kept * width + source.rowBytes + margin) { ring in
      let copy = ring + kept * width
      withKernels { taps, weights, sums in
        withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>.self, capacity: kept) { rows in
          var next = 0
          for line in 0..<output.height {
            let first = Int(down.first[line])
            let end = first + down.lengths[line]
            for row in max(first, next)..<max(end, next) {
              var from = source.row(row)
              if source.end - from < source.rowBytes + margin {
                copy.update(from: from, count: source.rowBytes)
                from = UnsafePointer(copy)
              }
              kernels.pointee.across(taps, from, ring + row % kept * width, sums)
            }
            next = max(end, next)
            for row in first..<end { rows[row - first] = UnsafePointer(ring + row % kept * width) }
            kernels.pointee.down(
              rows.baseAddress!, weights + line * down.stride, end - first,
              Int32(down.fractionBits), width, result + line * width)
          }
        }
      }
    }
  }

  // MARK: Vertical pass first

  private func downThenAcross(_ source: Source, _ result: UnsafeMutablePointer<UInt8>) {
    withScratch(source.rowBytes + margin) { low in
      withKernels { taps, weights, sums in
        withUnsafeTemporaryAllocation(
          of: UnsafePointer<UInt8>.self, capacity: down.lengths.max()!
        ) { rows in
          for line in 0..<output.height {
            let (first, count) = (Int(down.first[line]), down.lengths[line])
            for tap in 0..<count { rows[tap] = source.row(first + tap) }
            kernels.pointee.down(
              rows.baseAddress!, weights + line * down.stride, count, Int32(down.fractionBits),
              source.rowBytes, low)
            kernels.pointee.across(taps, low, result + line * 3 * output.width, sums)
          }
        }
      }
    }
  }

  // MARK: Memory

  /// Scratch that starts as zeros, because some of it is read and multiplied by zero.
  private func withScratch(_ bytes: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Void) {
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes)
    defer { scratch.deallocate() }
    scratch.initialize(repeating: 0, count: bytes)
    body(scratch)
  }

  private func withKernels(
    _ body: (
      _ across: UnsafePointer<FoleyTaps>, _ down: UnsafePointer<Int32>,
      _ sums: UnsafeMutablePointer<Int32>
    ) -> Void
  ) {
    across.withKernelTaps { taps in
      down.weights.withUnsafeBufferPointer { weights in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 3 * output.width + 1) { sums in
          body(taps, weights.baseAddress!, sums.baseAddress!)
        }
      }
    }
  }
}
