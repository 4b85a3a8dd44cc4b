import CCuda
import CUDADevice
import Tensors

/// In what numbers the matrix units multiply.
enum Numbers {
  /// Both operands bf16, sums in f32.
  case bf16
  /// Both operands f32, as three products of tf32; sums in f32.
  case float

  /// What a weight asks for, see `CUDABackend`.
  init(for weight: Tensor) { self = weight.dtype == .bf16 ? .bf16 : .float }

  /// As the functions of foley_cuda_launches.h take it.
  var isBF16: Int32 { self == .bf16 ? 1 : 0 }
}

/// Where a product reads its left operand, in places: a picture [B, H, W, C] and the window that goes over it.
struct Places {
  var batch = 1
  var height = 1
  var width: Int
  var channels: Int
  var outHeight = 1
  var outWidth: Int
  var kernelHeight = 1
  var kernelWidth = 1
  var strideY = 1
  var strideX = 1
  var dilationX = 1
  var padY = 0
  var padX = 0

  /// `count` rows of `channels`, each a result's.
  static func rows(_ count: Int, channels: Int) -> Places {
    Places(width: count, channels: channels, outWidth: count)
  }

  /// Of a convolution over time: [B, T, C].
  init(_ x: Shape, kernel: Int, _ geometry: Convolution1D) {
    batch = x[0]
    width = x[1]
    channels = x[2]
    outWidth = geometry.outputLength(x[1], kernel: kernel)
    kernelWidth = kernel
    strideX = geometry.stride
    dilationX = geometry.dilation
    padX = geometry.paddingBefore
  }

  /// Of a convolution over a picture: [B, H, W, C].
  init(_ x: Shape, kernel: (height: Int, width: Int), _ geometry: Convolution2D) {
    batch = x[0]
    height = x[1]
    width = x[2]
    channels = x[3]
    outHeight = max(0, geometry.outputHeight(x[1], kernel: kernel.height))
    outWidth = max(0, geometry.outputWidth(x[2], kernel: kernel.width))
    kernelHeight = kernel.height
    kernelWidth = kernel.width
    (strideY, strideX) = (geometry.stride, geometry.stride)
    (padY, padX) = (geometry.paddingTop, geometry.paddingLeft)
  }

  private init(width: Int, channels: Int, outWidth: Int) {
    self.width = width
    self.channels = channels
    self.outWidth = outWidth
  }

  var rows: Int { batch * outHeight * outWidth }

  /// For kernels, of whatever lies at `base`.
  func description(_ base: UnsafeRawPointer) -> FoleyCudaPlaces {
    var p = FoleyCudaPlaces()
    p.base = base
    p.entryStride = Int64(height * width * channels)
    p.lineStride = Int64(width * channels)
    p.placeStride = Int64(channels)
    p.depth = Int32(channels)
    (p.height, p.width) = (Int32(height), Int32(width))
    (p.outHeight, p.outWidth) = (Int32(outHeight), Int32(outWidth))
    (p.kernelHeight, p.kernelWidth) = (Int32(kernelHeight), Int32(kernelWidth))
    (p.strideY, p.strideX) = (Int32(strideY), Int32(strideX))
    p.dilationX = Int32(dilationX)
    (p.padY, p.padX) = (Int32(padY), Int32(padX))
    return p
  }

  /// Whether no window looks beyond its line.
  var joinsTaps: Bool {
    padX == 0 && dilationX == 1 && outWidth > 0
      && (outWidth - 1) * strideX + kernelWidth <= width
  }
}

extension FoleyCudaPlaces {
  /// The taps of a line, which are one piece of memory, as one place with the channels of all of them: read in
  /// longer pieces, and whole ones where a tap alone would not be.
  mutating func joinTaps() {
    placeStride *= Int64(strideX)
    depth *= kernelWidth
    width = outWidth
    (kernelWidth, strideX) = (1, 1)
  }
}

extension CUDABackend {
  public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue) -> Tensor {
    product(
      .rows(x.rows, channels: weight.shape[1]), x, weight: weight, bias: bias, epilogue,
      shape: x.shape.withChannels(weight.shape[0]))
  }

  public func conv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    guard geometry.groups == 1 else {
      return groupedConv1d(x, weight: weight, bias: bias, geometry, epilogue: epilogue)
    }
    let places = Places(x.shape, kernel: weight.shape[1], geometry)
    return product(
      places, x, weight: weight, bias: bias, epilogue,
      shape: [places.batch, places.outWidth, weight.shape[0]])
  }

  public func conv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor {
    let places = Places(x.shape, kernel: (weight.shape[1], weight.shape[2]), geometry)
    return product(
      places, x, weight: weight, bias: bias, Epilogue(activation),
      shape: [places.batch, places.outHeight, places.outWidth, weight.shape[0]])
  }

  public func convTranspose1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: TransposedConvolution1D
  ) -> Tensor {
    let (batch, kernel, output, input) = (
      x.shape[0], weight.shape[0], weight.shape[1], weight.shape[2]
    )
    let length = geometry.outputLength(x.shape[1], kernel: kernel)
    // One convolution for each remainder of a result's row; later taps reach further back.
    var places = Places(x.shape, kernel: kernel, Convolution1D())
    places.outWidth = (length + geometry.stride - 1) / geometry.stride
    places.dilationX = -1
    let operation = Operation(self)
    let numbers = Numbers(for: weight)
    var p = FoleyCudaProduct()
    p.places = places.description(left(x, numbers, operation))
    p.weight = right(weight, numbers, operation)
    p.weightStride = Int64(input)
    p.tapStride = Int64(output * input)
    p.rows = Int64(places.rows)
    p.columns = Int32(output)
    p.phases = Int32(geometry.stride)
    p.cut = Int32(geometry.padding)
    p.outLength = Int32(length)
    p.epilogue = operation.epilogue(.none, bias: bias, columns: output)
    let result = operation.result([batch, length, output])
    p.epilogue.out = operation.target(result)
    multiply(p, numbers, operation)
    return result
  }

  /// A product of a weight [out, taps.., channels].
  private func product(
    _ places: Places, _ x: Tensor, weight: Tensor, bias: Tensor?, _ epilogue: Epilogue, shape: Shape
  ) -> Tensor {
    let operation = Operation(self)
    let numbers = Numbers(for: weight)
    var p = FoleyCudaProduct()
    p.places = places.description(left(x, numbers, operation))
    if places.joinsTaps { p.places.joinTaps() }
    p.weight = right(weight, numbers, operation)
    p.weightStride = Int64(places.kernelHeight * places.kernelWidth * places.channels)
    p.tapStride = Int64(p.places.depth)
    p.rows = Int64(places.rows)
    p.columns = Int32(shape.channels)
    p.epilogue = operation.epilogue(epilogue, bias: bias, columns: shape.channels)
    let result = operation.result(shape)
    p.epilogue.out = operation.target(result)
    multiply(p, numbers, operation)
    return result
  }

  private func left(
    _ x: Tensor, _ numbers: Numbers, _ operation: Operation
  ) -> UnsafeRawPointer {
    numbers == .bf16 ? operation.halves(x.view) : UnsafeRawPointer(operation.floats(x))
  }

  private func right(
    _ weight: Tensor, _ numbers: Numbers, _ operation: Operation
  ) -> UnsafeRawPointer {
    numbers == .bf16 ? operation.pointer(to: weight) : UnsafeRawPointer(operation.floats(weight))
  }

  /// Puts a product into the stream: by the kernel of few rows, or by tiles, of the depth or of parts of it.
  private func multiply(_ product: FoleyCudaProduct, _ numbers: Numbers, _ operation: Operation) {
    var p = product
    guard p.rows > 0, p.columns > 0 else { return }
    let taps = Int64(p.places.kernelHeight) * Int64(p.places.kernelWidth)
    guard p.places.depth > 0, taps > 0 else {
      // Nothing to sum: what is done to a sum is done to no parts of one.
      return operation.launch(kernels.finish, p, foley_cuda_launch_product_finish(&p))
    }
    // The phases of a transposed convolution share its taps out.
    let (results, depth) = (Int(p.rows) * Int(p.columns), Int(p.places.depth) * Int(taps))
    work.add(.float, 2 * results * depth)
    p.splits = 1
    if numbers == .bf16, foley_cuda_product_has_few_rows(&p) != 0 {
      return operation.launch(kernels.fewRows, p, foley_cuda_launch_few_rows(&p))
    }
    p.splits = foley_cuda_product_splits(&p, numbers.isBF16)
    if p.splits > 1 {
      let sums = Int(p.splits) * Int(p.rows) * Int(p.columns)
      p.partial = operation.scratch(sums * DType.f32.size).assumingMemoryBound(to: Float.self)
    }
    launchTiles(p, numbers, operation)
    if p.splits > 1 {
      operation.launch(kernels.finish, p, foley_cuda_launch_product_finish(&p))
    }
  }

  /// The tiles of a product, whatever becomes of their sums.
  func launchTiles(_ product: FoleyCudaProduct, _ numbers: Numbers, _ operation: Operation) {
    var p = product
    let tiles = numbers == .bf16 ? kernels.bf16 : kernels.float
    let tile = foley_cuda_product_tile(&p, numbers.isBF16)
    let isLarge = tile.rows == foley_cuda_large_tile(numbers.isBF16).rows
    let kernel =
      foley_cuda_product_is_aligned(&p, numbers.isBF16) == 0
      ? tiles.guarded : isLarge ? tiles.large : tiles.small
    operation.launch(kernel, p, foley_cuda_launch_product(&p, tile))
  }
}
