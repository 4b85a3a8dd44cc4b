import Checkpoints
import Foundation
import Media
import Networks
import Tensors

/// From what pictures show to what they sound like, in the space of sentence vectors.
///
/// A classifier gives the probabilities of a thousand things. Of each it is known which caption it sounds
/// like, and how surely it is heard when it is seen. The weighted captions are drawn together into their
/// largest cluster, for the mean of unlike sounds is like none of them; the vector is as long as there is
/// something to hear, and vanishes where there is nothing.
struct SemanticBridge: Sendable {
  private let network: EfficientNetLite0
  private let size: Int
  private let backend: any Backend
  /// Sentence vector of each class's sound, [classes, width], of unit length.
  private let vectors: [Float]
  /// How surely each class is heard, 0...1.
  private let audible: [Float]

  /// Pictures averaged on each side: a second.
  private let radius: Int
  /// A probability that says nothing. Without it the many breeds of dogs make black frames bark.
  private static let floor: Float = 0.01
  /// Pull of the mean towards its largest cluster, and how often it is applied.
  private static let sharpness: Float = 4
  private static let rounds = 2
  /// Audible probability at which the vector vanishes, and from which on it has full length.
  private static let silent: Float = 0.02
  private static let full: Float = 0.1
  /// Pictures that go through the network at once; more only takes more memory.
  private static let batch = 4

  private static let classes = EfficientNetLite0.classes
  private static let width = MiniLM.width

  init(_ folder: ModelFolder, _ configuration: MiniConfiguration.Vision, on backend: any Backend)
    throws
  {
    self.backend = backend
    size = configuration.size
    radius = configuration.rate
    network = try folder.read(configuration.file, on: backend, EfficientNetLite0.init)
    (vectors, audible) = try folder.read(
      configuration.bridge, on: backend, SemanticBridge.tables)
  }

  /// What each class sounds like, and how surely it is heard.
  static func tables(_ weights: Weights) throws -> ([Float], [Float]) {
    (
      try weights.floats("vectors", [SemanticBridge.classes, SemanticBridge.width]),
      try weights.floats("audible", [SemanticBridge.classes])
    )
  }

  /// Pictures of a window -> [pictures, width], vectors of unit length scaled to unit variance where
  /// there is something to hear.
  func callAsFunction(_ pictures: [Picture]) -> Tensor {
    precondition(!pictures.isEmpty, "a window without a picture")
    let heard = averaged(probabilities(pictures)).flatMap(vector)
    return backend.tensor(heard, [pictures.count, SemanticBridge.width])
  }

  // MARK: Steps

  /// Class probabilities of each picture.
  private func probabilities(_ pictures: [Picture]) -> [[Float]] {
    var rows: [[Float]] = []
    for start in stride(from: 0, to: pictures.count, by: SemanticBridge.batch) {
      let batch = pictures[start..<min(start + SemanticBridge.batch, pictures.count)]
      var pixels: [Float] = []
      pixels.reserveCapacity(batch.count * size * size * 3)
      for picture in batch {
        precondition(picture.width == size && picture.height == size && picture.format == .rgb24)
        for byte in picture.bytes { pixels.append((Float(byte) - 127) / 128) }
      }
      let images = backend.tensor(pixels, [batch.count, size, size, 3])
      let values = network(images).softmax().floats()
      for row in batch.indices.map({ $0 - start }) {
        let first = row * SemanticBridge.classes
        rows.append(Array(values[first..<first + SemanticBridge.classes]))
      }
    }
    return rows
  }

  /// Each row's mean with its neighbours, fewer at the ends, so that what is seen does not flicker.
  private func averaged(_ rows: [[Float]]) -> [[Float]] {
    rows.indices.map { row in
      let near = rows[max(0, row - radius)...min(rows.count - 1, row + radius)]
      return (0..<SemanticBridge.classes).map { index in
        near.reduce(0) { $0 + $1[index] } / Float(near.count)
      }
    }
  }

  /// Class probabilities -> what they sound like.
  private func vector(_ probabilities: [Float]) -> [Float] {
    var weights: [(index: Int, weight: Float)] = []
    for (index, probability) in probabilities.enumerated() {
      let weight = audible[index] * max(0, probability - SemanticBridge.floor)
      if weight > 0 { weights.append((index, weight)) }
    }
    let mass = weights.reduce(0) { $0 + $1.weight }
    var unit = mean(weights)
    for _ in 0..<SemanticBridge.rounds {
      unit = mean(
        weights.map { index, weight in
          (index, weight * exp(SemanticBridge.sharpness * (product(unit, index) - 1)))
        })
    }
    let length = (mass - SemanticBridge.silent) / (SemanticBridge.full - SemanticBridge.silent)
    let scale = max(0, min(1, length)) * MiniModel.unitVariance
    return unit.map { $0 * scale }
  }

  /// The weighted mean of the classes' vectors, scaled to unit length; zero where there are none.
  private func mean(_ weights: [(index: Int, weight: Float)]) -> [Float] {
    var sum = [Float](repeating: 0, count: SemanticBridge.width)
    for (index, weight) in weights {
      let first = index * SemanticBridge.width
      for channel in sum.indices { sum[channel] += weight * vectors[first + channel] }
    }
    let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 1e-12 ? sum.map { $0 / length } : sum
  }

  private func product(_ unit: [Float], _ index: Int) -> Float {
    let first = index * SemanticBridge.width
    return unit.indices.reduce(0) { $0 + unit[$1] * vectors[first + $1] }
  }
}
