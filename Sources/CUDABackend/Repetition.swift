import CUDADevice
import Synchronization
import Tensors

extension CUDABackend {
  /// The first call does the work, which brings along whatever is made on demand; the second one takes it down in a
  /// graph. From then on a call copies its inputs to where the graph reads them, and its result out of there.
  public func repeating(_ work: @escaping RepeatedWork) -> RepeatedWork {
    let repetition = Repetition(work, on: self)
    return { inputs in repetition(inputs) }
  }
}

/// Work of many small kernels, each of which takes the processor longer to ask for than the GPU to do.
private final class Repetition: Sendable {
  private let work: RepeatedWork
  private let backend: CUDABackend
  private let state = Mutex(State.new)

  private enum State {
    case new
    case done(shapes: [Shape])
    case recorded(Recording)
  }

  private struct Recording {
    let graph: CUDAGraph
    let inputs: [Tensor]
    let output: Tensor
  }

  init(_ work: @escaping RepeatedWork, on backend: CUDABackend) {
    (self.work, self.backend) = (work, backend)
  }

  /// One call after the other: they share the graph's memory.
  func callAsFunction(_ inputs: [Tensor]) -> Tensor {
    let shapes = inputs.map(\.shape)
    return state.withLock { state in
      switch state {
      case .new:
        state = .done(shapes: shapes)
        return work(inputs)
      case .done(let known):
        precondition(shapes == known, "repeated work on \(shapes) instead of \(known)")
        let recording = record(inputs)
        state = .recorded(recording)
        return run(recording, inputs)
      case .recorded(let recording):
        return run(recording, inputs)
      }
    }
  }

  private func record(_ inputs: [Tensor]) -> Recording {
    let places = inputs.map { backend.copied($0) }
    var output: Tensor?
    let graph = backend.must { () throws(CUDAError) in
      try CUDAGraph(capturing: backend.pool) { output = work(places) }
    }
    return Recording(graph: graph, inputs: places, output: output!)
  }

  private func run(_ recording: Recording, _ inputs: [Tensor]) -> Tensor {
    for (input, place) in zip(inputs, recording.inputs) { backend.copy(input, to: place) }
    backend.must { () throws(CUDAError) in try recording.graph.launch() }
    return backend.copied(recording.output)
  }
}

extension CUDABackend {
  fileprivate func copied(_ tensor: Tensor) -> Tensor {
    let operation = Operation(self)
    let copy = operation.result(tensor.shape, tensor.dtype)
    self.copy(tensor, to: copy)
    return copy
  }

  fileprivate func copy(_ source: Tensor, to target: Tensor) {
    precondition(
      source.shape == target.shape && source.dtype == target.dtype && source.scale == nil)
    let operation = Operation(self)
    defer { withExtendedLifetime(operation) {} }
    let (from, to) = (operation.address(of: source), operation.address(of: target))
    must { () throws(CUDAError) in
      try pool.stream.copy(from, to: to, bytes: source.shape.count * source.dtype.size)
    }
    (target.buffer as? CUDABuffer)?.isRounded = isRounded(source)
  }
}
