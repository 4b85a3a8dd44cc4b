import Foundation
import Media
import Motion

/// One long clip in parts that several machines can make: what was seen in all of it, and where the parts meet.
///
/// Parts meet only where the sound begins anew (`SceneBreaks`), so that no window of one needs anything of another.
/// What was seen stands here, for a part that is watched by itself would see its first and last moments otherwise.
/// So the parts, joined, are what one run makes, byte for byte, however many there are.
public struct FilmPlan: Codable, Sendable {
  /// Some of the film's windows.
  public struct Part: Codable, Sendable, Equatable {
    /// From 1.
    public let number: Int
    /// In seconds of the sound.
    public let start: Double
    public let end: Double
    /// Windows of the whole, counted from 0.
    let windows: Range<Int>
    let latents: Range<Int>

    /// How many windows it has.
    public var windowCount: Int { windows.count }
    /// What its latents hold; the last ones of the film may reach beyond its end.
    public var samples: Int { latents.count * Clock.samplesPerLatent }
  }

  private static let format = "foley plan"
  private static let version = 1

  private let format: String
  private let version: Int
  public let identity: RunIdentity
  public private(set) var request: GenerationRequest
  /// The model's folder or file, as it was when the plan was made.
  public let model: String
  public let precision: Precision?
  /// Length of the whole sound.
  public let samples: Int
  public let parts: [Part]
  let motion: MotionTrack
  public let warnings: [String]

  init(
    head: JournalHead, whole: WindowPlan, parts: [Part], track: ClipTrack
  ) {
    (format, version) = (FilmPlan.format, FilmPlan.version)
    (identity, request) = (head.identity, head.request)
    (model, precision) = (head.model, head.precision)
    (samples, self.parts) = (whole.samples, parts)
    (motion, warnings) = (track.motion, track.warnings)
  }

  /// - Throws: where the file cannot be read or is no plan of this version.
  public init(path: String) throws(FoleyError) {
    let data = try InputFile.data(path)
    do {
      self = try JSONDecoder().decode(FilmPlan.self, from: data)
    } catch let error as DecodingError {
      throw .badData(file: path, reason: "is no plan of `foley plan`: \(error.reason)")
    } catch {
      throw .badData(file: path, reason: "is no plan of `foley plan`: \(error)")
    }
    guard format == FilmPlan.format, version == FilmPlan.version else {
      throw .badData(
        file: path,
        reason: "is a plan of version \(version); this program reads \(FilmPlan.version)")
    }
    guard isWhole else {
      throw .badData(file: path, reason: "its parts do not follow each other: it has been changed")
    }
  }

  public func write(to path: String) throws(FoleyError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let data = try encoder.encode(self)
      try (data + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .cannotCreate(file: path, reason: error.localizedDescription)
    }
  }

  /// The film's file; on another machine it may lie elsewhere.
  public var video: String {
    get {
      guard case .video(let path, _, _, _) = request.source else { return "" }
      return path
    }
    set {
      guard case .video(_, let start, let end, let seconds) = request.source else { return }
      request.source = .video(path: newValue, start: start, end: end, pictureSeconds: seconds)
    }
  }

  /// - Throws: where a run of the film on this machine would make other sound.
  public func require(_ identity: RunIdentity) throws(FoleyError) {
    let differences = identity.differences(from: self.identity)
    guard differences.isEmpty else {
      throw .badData(
        file: video,
        reason: "is to be made otherwise than planned; it differs in: "
          + "\(differences.joined(separator: ", "))")
    }
  }

  var windowCount: Int { parts.last?.windows.upperBound ?? 0 }

  public var seconds: Double { WindowPlan(samples: samples).seconds }

  /// What decides the bytes of a part.
  public func digest(of part: Part) -> String {
    identity.digest(with: ["part": "windows \(part.windows)"])
  }

  /// Every window in one part, in order.
  private var isWhole: Bool {
    guard samples > 0, let first = parts.first, let last = parts.last else { return false }
    return first.windows.lowerBound == 0 && first.latents.lowerBound == 0
      && last.latents.upperBound == WindowPlan(samples: samples).latents
      && parts.enumerated().allSatisfy { $1.number == $0 + 1 && !$1.windows.isEmpty }
      && zip(parts, parts.dropFirst()).allSatisfy {
        $0.windows.upperBound == $1.windows.lowerBound
          && $0.latents.upperBound == $1.latents.lowerBound
      }
  }
}

/// What a part of a film is made from.
struct FilmMaterial {
  let motion: MotionTrack
  let latents: Range<Int>
  let firstWindow: Int
  let whole: WindowPlan

  /// The latent of the whole second from which on the film is looked at: there a picture of every rate begins.
  var origin: Int { latents.lowerBound / Clock.latentRate * Clock.latentRate }
}

extension FilmPlan {
  /// - Parameter part: nil: all of it.
  func material(of part: Part?) -> FilmMaterial {
    let whole = WindowPlan(samples: samples)
    return FilmMaterial(
      motion: motion, latents: part?.latents ?? 0..<whole.latents,
      firstWindow: part?.windows.lowerBound ?? 0, whole: whole)
  }

  /// Where a film's windows lie, as far as parts are concerned.
  struct Scenes {
    /// The first window and the first latent of every scene.
    private(set) var starts: [(window: Int, latent: Int)] = []
    private(set) var windows = 0

    mutating func add(_ window: WindowMaterial) {
      if window.startsAnew { starts.append((window.index, window.latents.lowerBound)) }
      windows = window.index + 1
    }

    /// At most so many parts of whole scenes, of which the one with the most windows has as few as can be.
    func parts(_ wanted: Int, latents: Int) -> [Part] {
      let ends = starts.dropFirst().map(\.window) + [windows]
      let lengths = zip(starts, ends).map { $1 - $0.window }
      var (low, high) = (lengths.max() ?? 1, windows)
      while low < high {
        let middle = (low + high) / 2
        if divided(lengths, most: middle).count <= wanted {
          high = middle
        } else {
          low = middle + 1
        }
      }
      let firsts = divided(lengths, most: low)
      return firsts.indices.map { index in
        let begin = starts[firsts[index]]
        let end = index + 1 < firsts.count ? starts[firsts[index + 1]] : (windows, latents)
        let range = begin.latent..<end.1
        return Part(
          number: index + 1, start: Clock.seconds(of: range.lowerBound),
          end: Clock.seconds(of: range.upperBound), windows: begin.window..<end.0, latents: range)
      }
    }

    /// The first scenes of parts that have no more windows than that.
    private func divided(_ lengths: [Int], most: Int) -> [Int] {
      var firsts: [Int] = []
      var sum = most
      for (scene, length) in lengths.enumerated() {
        if sum + length > most { (firsts, sum) = (firsts + [scene], 0) }
        sum += length
      }
      return firsts
    }
  }
}
