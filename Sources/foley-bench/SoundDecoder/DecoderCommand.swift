import ArgumentParser
import Checkpoints
import Foundation
import Networks
import Tensors

struct DecoderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decoder",
    abstract: "Times the DAC sound decoder at its published size.",
    discussion: """
      Weights are random, or those of a safetensors file; what they are makes no difference to the time. \
      One line for each run, and the median. Seconds are those of the clock and, in brackets, of the \
      processor: the two differ where the machine is shared.
      """)

  @Option(help: "Latents to decode; a second has 50.")
  var latents = 100

  @Option(help: "Latents that are decoded together.")
  var block = 300

  @Option(help: "Runs that are timed, after one that is not.")
  var repeats = 3

  @Option(help: "A safetensors file with the decoder's weights, stored normalised or folded.")
  var weights: String?

  @OptionGroup var computing: BackendOptions

  func validate() throws {
    guard latents > 0, block > 0, repeats > 0 else {
      throw ValidationError("Counts are at least 1.")
    }
  }

  func run() throws {
    let backend = try computing.make()
    let configuration = DACConfiguration()
    let source: any TensorSource =
      if let weights { try SafetensorsFile(weights) } else { RandomDecoder(configuration) }
    let decoder = try DACDecoder(Weights(source, on: backend), configuration)
    let noise = GaussianNoise(seed: 1).rows(0..<latents, channels: configuration.latentDim)

    var runs: [(wall: Double, processor: Double)] = []
    for run in 0...repeats {
      let (begin, used) = (ContinuousClock.now, clock())
      var stream = decoder.stream(block: block)
      let samples = stream.decode(noise) + stream.finish()
      let wall = (ContinuousClock.now - begin) / .seconds(1)
      let processor = Double(clock() - used) / Double(CLOCKS_PER_SEC)
      precondition(samples.count == latents * configuration.samplesPerLatent)
      if run == 0 { continue }
      runs.append((wall, processor))
      print(String(format: "%.3f s (%.3f s)", wall, processor))
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    let (wall, processor) = (median(runs.map(\.wall)), median(runs.map(\.processor)))
    let work = Double(latents * configuration.operationsPerLatent) / 1e9
    print(
      String(
        format: "%d latents, %.1f GFLOP: %.3f s, %.1f GFLOP/s (%.3f s, %.1f GFLOP/s), on %@",
        latents, work, wall, work / wall, processor, work / processor, backend.name))
  }
}

/// A decoder's tensors with random contents, each repeating a thousand values: only their sizes count.
private struct RandomDecoder: TensorSource {
  let file = "random weights"
  private let shapes: [String: Shape]
  private let values = GaussianNoise(seed: 7).rows(0..<1021, channels: 1)

  var keys: [String] { shapes.keys.sorted() }

  init(_ configuration: DACConfiguration) {
    var shapes: [String: Shape] = [:]
    func layer(_ key: String, _ weight: Shape, bias: Int) {
      shapes[key + ".weight"] = weight
      shapes[key + ".bias"] = [bias]
    }
    let latent = configuration.latentDim
    layer("post_quant_conv", [latent, latent, 1], bias: latent)
    layer("decoder.model.0", [configuration.decoderDim, latent, 7], bias: configuration.decoderDim)
    var width = configuration.decoderDim
    for (index, rate) in configuration.decoderRates.enumerated() {
      let block = "decoder.model.\(index + 1).block."
      shapes[block + "0.alpha"] = [1, width, 1]
      layer(block + "1", [width, width / 2, 2 * rate], bias: width / 2)
      width /= 2
      for unit in 2...4 {
        let unit = block + "\(unit).block."
        shapes[unit + "0.alpha"] = [1, width, 1]
        layer(unit + "1", [width, width, 7], bias: width)
        shapes[unit + "2.alpha"] = [1, width, 1]
        layer(unit + "3", [width, width, 1], bias: width)
      }
    }
    let last = configuration.decoderRates.count + 1
    shapes["decoder.model.\(last).alpha"] = [1, width, 1]
    layer("decoder.model.\(last + 1)", [1, width, 7], bias: 1)
    self.shapes = shapes
  }

  func contains(_ key: String) -> Bool { shapes[key] != nil }

  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let shape = shapes[key] else { throw .missingKey(file: file, key: key) }
    // Gains that keep the signal near unit scale.
    let inputs = shape.rank == 3 ? shape.count / max(shape[0], 1) : 1
    let (gain, centre): (Float, Float) =
      key.hasSuffix("alpha")
      ? (0.1, 1)
      : key.hasSuffix("bias")
        ? (0.1, 0) : (0.5 / Float(inputs).squareRoot(), 0)
    let elements = (0..<shape.count).map { centre + gain * values[$0 % values.count] }
    return HostTensor(copying: elements, shape: shape, dtype: .f32)
  }
}
