import Checkpoints
import Foundation
import Tensors

/// Something is wrong with a fixture, or with what was given to run it.
enum FixtureError: Error, CustomStringConvertible {
  case unusable(file: String, reason: String)
  case missingTable(name: String, near: String)
  case missingOption(fixture: String, option: String, reason: String)

  var description: String {
    switch self {
    case .unusable(let file, let reason): "\(file): \(reason)"
    case .missingTable(let name, let near):
      "\(name) is neither in \(near) nor in a folder beside it"
    case .missingOption(let fixture, let option, let reason):
      "\(fixture) needs \(option): \(reason)"
    }
  }
}

/// A folder with recorded inputs and outputs of a module of the reference implementation.
struct Fixture {
  let folder: URL
  let module: String
  /// Relative L2.
  var tolerance: Double?
  /// What weights are converted to, where not used as they are recorded.
  var storage: DType?
  private let weightsName: String?
  private let description: Data

  var name: String { folder.lastPathComponent }

  private struct Header: Decodable {
    let module: String
    let weights: String?
    let tolerance: Tolerance?

    struct Tolerance: Decodable {
      let relativeL2: Double?
    }
  }

  private struct Configured<Configuration: Decodable>: Decodable {
    let config: Configuration
  }

  init(_ path: String) throws {
    folder = URL(fileURLWithPath: path).standardizedFileURL
    let file = folder.appendingPathComponent("fixture.json")
    do {
      description = try Data(contentsOf: file)
    } catch {
      throw FixtureError.unusable(
        file: file.path, reason: "cannot be read: \(error.localizedDescription)")
    }
    do {
      let header = try JSONDecoder.snakeCase.decode(Header.self, from: description)
      module = header.module
      weightsName = header.weights
      tolerance = header.tolerance?.relativeL2
    } catch {
      throw FixtureError.unusable(file: file.path, reason: "\(error)")
    }
  }

  /// The part of fixture.json that says how the module was built.
  ///
  /// - Parameter decoder: another one where a type names the file's keys itself.
  func configuration<Configuration: Decodable>(
    _ type: Configuration.Type, decoder: JSONDecoder = .snakeCase
  ) throws -> Configuration {
    do {
      return try decoder.decode(
        Configured<Configuration>.self, from: description
      ).config
    } catch {
      throw FixtureError.unusable(file: folder.path, reason: "fixture.json: \(error)")
    }
  }

  func weights(on backend: any Backend) throws -> Weights {
    guard let weightsName else {
      throw FixtureError.unusable(file: folder.path, reason: "fixture.json names no weights")
    }
    let path = URL(fileURLWithPath: weightsName, relativeTo: folder).standardizedFileURL.path
    let file = try SafetensorsFile(path)
    guard let storage else { return Weights(file, on: backend) }
    return Weights(ConvertedTensors(file, to: storage), on: backend)
  }

  func recording() throws -> Recording {
    Recording(file: try SafetensorsFile(folder.appendingPathComponent("io.safetensors").path))
  }

  /// A table several fixtures share: in this folder or in one beside it.
  func table(_ name: String) throws -> URL {
    let own = folder.appendingPathComponent(name)
    if FileManager.default.fileExists(atPath: own.path) { return own }
    let parent = folder.deletingLastPathComponent()
    let neighbours = try FileManager.default.contentsOfDirectory(atPath: parent.path).sorted()
    for neighbour in neighbours {
      let candidate = parent.appendingPathComponent(neighbour).appendingPathComponent(name)
      if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
    }
    throw FixtureError.missingTable(name: name, near: folder.path)
  }
}

extension JSONDecoder {
  /// For files whose keys are written like_this.
  static var snakeCase: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }
}

/// The tensors of a fixture: inputs by name, outputs as `out.<name>` (single precision) and
/// `out64.<name>` (double precision).
struct Recording {
  let file: SafetensorsFile

  func input(_ name: String, on backend: any Backend) throws -> Tensor {
    backend.upload(try file.tensor(name).widened())
  }

  func integers(_ name: String) throws -> (values: [Int], shape: Shape) {
    let stored = try file.tensor(name)
    guard stored.dtype == .i64 else {
      throw FixtureError.unusable(file: file.file, reason: "'\(name)' is not of whole numbers")
    }
    let values = (0..<stored.shape.count).map {
      Int(stored.bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self))
    }
    return (values, stored.shape)
  }

  /// Names of all recorded outputs.
  var outputs: [String] {
    file.keys.filter { $0.hasPrefix("out.") }.map { String($0.dropFirst(4)) }
  }

  /// The recorded output, in double precision where there is one.
  func output(_ name: String) throws -> HostTensor {
    try file.tensor(file.contains("out64." + name) ? "out64." + name : "out." + name)
  }
}
