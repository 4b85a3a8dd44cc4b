import CKernels
import Foundation

/// Triangular bands of peak 1 over the bins of a spectrum, and the way back: a smooth curve over bins
/// that has given band sums.
public final class MelFilterbank: Sendable {
  public let geometry: MelGeometry
  /// Bins and weights of each band.
  private let first: IndexMemory
  private let lengths: IndexMemory
  private let offsets: IndexMemory
  private let weights: FloatMemory
  private let logReciprocalAreas: FloatMemory
  private let left: IndexMemory
  private let share: FloatMemory
  private let skirt: FloatMemory
  private let reciprocalCover: FloatMemory

  public init(_ geometry: MelGeometry) {
    self.geometry = geometry
    let edges = geometry.frequencies
    let width = Double(geometry.sampleRate) / Double(geometry.fftSize)
    let bins = geometry.bins
    var first: [Int] = []
    var lengths: [Int] = []
    var offsets: [Int] = []
    var weights: [Float] = []
    var areas: [Float] = []
    var cover = [Float](repeating: 0, count: bins)
    for band in 0..<geometry.bands {
      let (low, centre, high) = (edges[band], edges[band + 1], edges[band + 2])
      let reach = (0..<bins).filter { Double($0) * width > low && Double($0) * width < high }
      precondition(!reach.isEmpty, "band \(band) holds no bin: fewer bands or a longer transform")
      first.append(reach[0])
      lengths.append(reach.count)
      offsets.append(weights.count)
      var area: Float = 0
      for bin in reach {
        let frequency = Double(bin) * width
        let weight = Float(
          min((frequency - low) / (centre - low), (high - frequency) / (high - centre)))
        weights.append(weight)
        area += weight
        cover[bin] += weight
      }
      areas.append(area)
    }
    let centres = edges.dropFirst().dropLast().map { MelGeometry.mel($0) }
    var left: [Int] = []
    var share: [Float] = []
    var skirt: [Float] = []
    for bin in 0..<bins {
      let frequency = Double(bin) * width
      let place = (MelGeometry.mel(frequency) - centres[0]) / (centres[1] - centres[0])
      let held = min(max(place, 0), Double(geometry.bands - 1))
      let band = min(Int(held), geometry.bands - 2)
      left.append(band)
      share.append(Float(held - Double(band)))
      // Nothing at 0 Hz; nothing from 7 % above the last band.
      let rise = geometry.lowest > 0 ? frequency / geometry.lowest : 1
      let fall = 1 - (frequency / geometry.highest - 1) / 0.07
      skirt.append(Float(min(1, max(0, min(rise, fall)))))
    }
    self.first = IndexMemory(first)
    self.lengths = IndexMemory(lengths)
    self.offsets = IndexMemory(offsets)
    self.weights = FloatMemory(weights)
    logReciprocalAreas = FloatMemory(areas.map { -log($0) })
    self.left = IndexMemory(left)
    self.share = FloatMemory(share)
    self.skirt = FloatMemory(skirt)
    reciprocalCover = FloatMemory(cover.map { $0 > 0 ? 1 / $0 : 0 })
  }

  /// The tables as C sees them; valid while the filterbank lives.
  var tables: foley_bands {
    foley_bands(
      bins: Int32(geometry.bins), bands: Int32(geometry.bands), first: first.base,
      count: lengths.base, offset: offsets.base, weights: weights.base,
      log_reciprocal_area: logReciprocalAreas.base, left: left.base, share: share.base,
      skirt: skirt.base, reciprocal_cover: reciprocalCover.base)
  }

  /// `[bins]` magnitudes -> `[bands]` sums.
  public func sums(_ magnitudes: [Float]) -> [Float] {
    precondition(magnitudes.count == geometry.bins)
    var sums = [Float](repeating: 0, count: geometry.bands)
    var tables = tables
    foley_bands_sum(&tables, magnitudes, &sums)
    return sums
  }

  /// `[bands]` logarithms of sums -> `[bins]` magnitudes: straight lines in the logarithm between the
  /// bands' centres, then `refinements` corrections towards the sums asked for.
  public func envelope(_ logSums: [Float], refinements: Int) -> [Float] {
    precondition(logSums.count == geometry.bands)
    var envelope = [Float](repeating: 0, count: geometry.bins)
    let scratch = FloatMemory(count: geometry.bins + geometry.bands)
    var tables = tables
    foley_bands_envelope(&tables, logSums, Int32(refinements), &envelope, scratch.base)
    return envelope
  }
}
