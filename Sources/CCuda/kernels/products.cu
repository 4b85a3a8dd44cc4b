// Matrix products and convolutions, which are products whose left operand is found tap by tap: nothing is copied into
// a matrix first.
//
// A block makes a tile of the result. The depth passes through shared memory in slices of 64 bytes, several of them on
// their way while one is multiplied. Each of four warps holds a quarter of the tile in registers.

#include "epilogue.h"

// MARK: Numbers

/// bf16: one product of two fragments is one instruction.
struct HalfNumbers {
  typedef uint16_t Element;
  struct Left {
    unsigned words[4];
  };
  struct Right {
    unsigned words[2];
  };
  static INLINE Left left(const unsigned (&words)[4]) {
    return {{words[0], words[1], words[2], words[3]}};
  }
  static INLINE Right right(unsigned first, unsigned second) { return {{first, second}}; }
  static INLINE void multiply(float (&sum)[4], const Left &a, const Right &b) {
    multiply_bf16(sum, a.words, b.words[0], b.words[1]);
  }
  /// `Element` number `i` of 16 bytes.
  static INLINE unsigned word(const Element (&elements)[8], int i) {
    return (unsigned)elements[2 * i + 1] << 16 | elements[2 * i];
  }
};

/// f32 rounded to tf32: ten bits of mantissa.
struct RoundedNumbers {
  typedef float Element;
  struct Left {
    unsigned words[4];
  };
  struct Right {
    unsigned words[2];
  };
  static INLINE Left left(const unsigned (&words)[4]) {
    Left a;
    for (int i = 0; i < 4; i++) a.words[i] = to_tf32(bits_to_float(words[i]));
    return a;
  }
  static INLINE Right right(unsigned first, unsigned second) {
    return {{to_tf32(bits_to_float(first)), to_tf32(bits_to_float(second))}};
  }
  static INLINE void multiply(float (&sum)[4], const Left &a, const Right &b) {
    multiply_tf32(sum, a.words, b.words[0], b.words[1]);
  }
  static INLINE unsigned word(const Element (&elements)[4], int i) {
    return float_to_bits(elements[i]);
  }
};

/// f32 as the sum of two tf32. Of the four products the smallest is left out: what is lost is about 2^-22.
struct SplitNumbers {
  typedef float Element;
  struct Left {
    unsigned large[4], small[4];
  };
  struct Right {
    unsigned large[2], small[2];
  };
  static INLINE void split(float x, unsigned &large, unsigned &small) {
    large = to_tf32(x);
    small = to_tf32(x - bits_to_float(large));
  }
  static INLINE Left left(const unsigned (&words)[4]) {
    Left a;
    for (int i = 0; i < 4; i++) split(bits_to_float(words[i]), a.large[i], a.small[i]);
    return a;
  }
  static INLINE Right right(unsigned first, unsigned second) {
    Right b;
    split(bits_to_float(first), b.large[0], b.small[0]);
    split(bits_to_float(second), b.large[1], b.small[1]);
    return b;
  }
  static INLINE void multiply(float (&sum)[4], const Left &a, const Right &b) {
    multiply_tf32(sum, a.small, b.large[0], b.large[1]);
    multiply_tf32(sum, a.large, b.small[0], b.small[1]);
    multiply_tf32(sum, a.large, b.large[0], b.large[1]);
  }
  static INLINE unsigned word(const Element (&elements)[4], int i) {
    return float_to_bits(elements[i]);
  }
};

// MARK: A slice of both operands in shared memory

/// Where 16 bytes of a row of 64 lie. The places of a column are exchanged from row to row so that the eight rows a
/// matrix load reads lie in different banks.
INLINE int chunk_place(int row, int chunk) {
  return row * FoleyCudaTileRowBytes + ((chunk ^ (row >> 1 & 3)) << 4);
}

/// A place along the depth: a tap of the kernel and a channel.
struct DepthPlace {
  int tap, line, column, channel;

  INLINE DepthPlace(int depth, int kernelWidth, int64_t at) {
    tap = (int)(at / depth);
    channel = (int)(at - (int64_t)tap * depth);
    line = tap / kernelWidth;
    column = tap - line * kernelWidth;
  }

  INLINE void advance(int elements, int depth, int kernelWidth) {
    channel += elements;
    while (channel >= depth) {
      channel -= depth;
      tap++;
      if (++column == kernelWidth) {
        column = 0;
        line++;
      }
    }
  }
};

/// Loads slices of Rows rows of the left operand and Columns of the weight. Each thread takes the same 16 bytes of
/// every 32nd row, so it follows one place along the depth.
template <class Numbers, int Rows, int Columns, bool Guarded> struct Loader {
  typedef typename Numbers::Element Element;
  static constexpr int chunkElements = 16 / (int)sizeof(Element);
  static constexpr int sliceElements = FoleyCudaTileRowBytes / (int)sizeof(Element);
  static constexpr int rowStep = FoleyCudaProductThreads / 4;
  static constexpr int rowsOfThread = Rows / rowStep;
  static constexpr int columnsOfThread = Columns / rowStep;
  static constexpr int bytes = (Rows + Columns) * FoleyCudaTileRowBytes;

  const FoleyCudaProduct &p;
  const Element *weight;
  int kernelWidth, taps;
  int row, chunk;
  int firstColumn;
  DepthPlace at;
  // Of each row: its batch entry, and the place that tap (0, 0) reads. A row that is not there reads nothing.
  const Element *entries[rowsOfThread];
  int lines[rowsOfThread], columns[rowsOfThread];

  INLINE Loader(
      const FoleyCudaProduct &p, const Element *weight, int kernelWidth, int shift, int64_t firstRow,
      int firstColumn, int64_t firstElement)
      : p(p), weight(weight), kernelWidth(kernelWidth), taps(p.places.kernelHeight * kernelWidth),
        row((int)threadIdx.x / 4), chunk((int)threadIdx.x % 4), firstColumn(firstColumn),
        at(p.places.depth, kernelWidth, firstElement + chunk * chunkElements) {
    const FoleyCudaPlaces &places = p.places;
    const int area = places.outHeight * places.outWidth;
    for (int i = 0; i < rowsOfThread; i++) {
      const int64_t r = firstRow + row + i * rowStep;
      const bool there = below(r, p.rows);
      const int64_t entry = r / area;
      const int rest = (int)(r - entry * area);
      entries[i] = (const Element *)places.base + entry * places.entryStride;
      // Far enough outside for every tap.
      lines[i] = there ? rest / places.outWidth * places.strideY - places.padY : -0x40000000;
      columns[i] = rest % places.outWidth * places.strideX - places.padX + shift;
    }
  }

  INLINE void load(unsigned char *slice) {
    if (Guarded)
      load_elements(slice);
    else
      load_chunks(slice);
    at.advance(sliceElements, p.places.depth, kernelWidth);
  }

  /// The element of a row at a place along the depth; false where it is padding.
  INLINE bool find(int i, const DepthPlace &at, const Element *&element) const {
    const int line = lines[i] + at.line;
    const int column = columns[i] + at.column * p.places.dilationX;
    element = entries[i] + line * p.places.lineStride + column * p.places.placeStride + at.channel;
    // As unsigned numbers negative ones are large.
    const bool inLines = below((unsigned)line, (unsigned)p.places.height);
    const bool inColumns = below((unsigned)column, (unsigned)p.places.width);
    return inLines && inColumns;
  }

  /// Depth, strides and addresses are of whole, aligned 16 bytes.
  INLINE void load_chunks(unsigned char *slice) {
    const bool inDepth = below(at.tap, taps);
    for (int i = 0; i < rowsOfThread; i++) {
      const Element *element;
      const bool valid = inDepth && find(i, at, element);
      copy_async(
          slice + chunk_place(row + i * rowStep, chunk), valid ? element : p.places.base, valid);
    }
    const Element *from = weight + at.tap * p.tapStride + at.channel;
    for (int i = 0; i < columnsOfThread; i++) {
      const int column = row + i * rowStep;
      const bool inColumns = below(firstColumn + column, p.columns);
      const bool valid = inDepth && inColumns;
      copy_async(
          slice + chunk_place(Rows + column, chunk),
          valid ? from + (firstColumn + column) * p.weightStride : weight, valid);
    }
  }

  INLINE void load_elements(unsigned char *slice) {
#pragma unroll
    for (int i = 0; i < rowsOfThread; i++) {
      Element elements[chunkElements];
      DepthPlace place = at;
#pragma unroll
      for (int e = 0; e < chunkElements; e++) {
        elements[e] = 0;
        const Element *element;
        if (below(place.tap, taps))
          if (find(i, place, element)) elements[e] = load_global(element);
        place.advance(1, p.places.depth, kernelWidth);
      }
      store_chunk(slice + chunk_place(row + i * rowStep, chunk), elements);
    }
#pragma unroll
    for (int i = 0; i < columnsOfThread; i++) {
      const int column = row + i * rowStep;
      const Element *from = weight + (firstColumn + column) * p.weightStride;
      Element elements[chunkElements];
      DepthPlace place = at;
#pragma unroll
      for (int e = 0; e < chunkElements; e++) {
        elements[e] = 0;
        if (below(firstColumn + column, p.columns))
          if (below(place.tap, taps))
            elements[e] = load_global(from + place.tap * p.tapStride + place.channel);
        place.advance(1, p.places.depth, kernelWidth);
      }
      store_chunk(slice + chunk_place(Rows + column, chunk), elements);
    }
  }

  INLINE static void store_chunk(unsigned char *to, const Element (&elements)[chunkElements]) {
    store_shared(
        (uint4 *)to, uint4{Numbers::word(elements, 0), Numbers::word(elements, 1),
                           Numbers::word(elements, 2), Numbers::word(elements, 3)});
  }
};

// MARK: The product

/// Which tile a block makes: bands of eight tiles of rows, column by column, so that blocks that run at the same time
/// share what they read.
struct TilePlace {
  int64_t row;
  int column;
  int layer;

  INLINE TilePlace(int64_t rows, int columns, int tileRows, int tileColumns) {
    const int64_t down = (rows + tileRows - 1) / tileRows;
    const int64_t across = (columns + tileColumns - 1) / tileColumns;
    const int64_t tiles = down * across;
    layer = (int)(blockIdx.x / tiles);
    const int64_t index = blockIdx.x - layer * tiles;
    const int64_t band = index / (8 * across), rest = index - band * 8 * across;
    const int64_t height = down - 8 * band < 8 ? down - 8 * band : 8;
    row = (8 * band + rest % height) * tileRows;
    column = (int)(rest / height) * tileColumns;
  }
};

/// Four sums of a row to where they belong: finished, or as a part of the depth.
INLINE void write_sums(
    const FoleyCudaProduct &p, bool wide, int64_t row, int column, int split, int firstOut, Four x) {
  if (!below(row, p.rows)) return;
  if (p.partial) {
    float *to = p.partial + (split * p.rows + row) * p.columns + column;
    if (wide) {
      if (below(column, p.columns)) store_four(to, FoleyCudaF32, 0, x);
    } else {
      for (int i = 0; i < 4; i++)
        if (below(column + i, p.columns)) store_global(to + i, x.v[i]);
    }
    return;
  }
  if (p.phases) {
    const int64_t entry = row / p.places.outWidth;
    const int64_t within = (row - entry * p.places.outWidth) * p.phases + firstOut;
    if (!below(within, (int64_t)p.outLength)) return;
    row = entry * p.outLength + within;
  }
  finish(p.epilogue, wide, row, column, p.columns, x);
}

/// A tile of Rows x Columns in four warps, 2 x 2.
template <class Numbers, int Rows, int Columns, bool Guarded>
INLINE void make_tile(const FoleyCudaProduct &p) {
  typedef Loader<Numbers, Rows, Columns, Guarded> TileLoader;
  typedef typename Numbers::Element Element;
  constexpr int stages = FoleyCudaTileStages;
  constexpr int warpRows = Rows / 2, warpColumns = Columns / 2;
  constexpr int down = warpRows / 16, across = warpColumns / 8;

  const TilePlace tile(p.rows, p.columns, Rows, Columns);
  const int lane = threadIdx.x % FoleyCudaWarp, warp = threadIdx.x / FoleyCudaWarp;

  // A phase of a transposed convolution: the taps that meet rows `firstOut`, `firstOut` + phases, ... of the result,
  // the first of which reads place `shift` with its first tap.
  const Element *weight = (const Element *)p.weight;
  int kernelWidth = p.places.kernelWidth, shift = 0, firstOut = 0, split = tile.layer;
  if (p.phases) {
    const int phase = tile.layer;
    split = 0;
    firstOut = (phase - p.cut % p.phases + p.phases) % p.phases;
    shift = (firstOut + p.cut) / p.phases;
    weight += phase * p.tapStride;
    kernelWidth = (kernelWidth - phase + p.phases - 1) / p.phases;
  }
  FoleyCudaProduct own = p;
  if (p.phases) own.tapStride *= p.phases;

  const int64_t depth = (int64_t)p.places.depth * p.places.kernelHeight * kernelWidth;
  const int64_t slices = (depth + TileLoader::sliceElements - 1) / TileLoader::sliceElements;
  const int64_t firstSlice = slices * split / p.splits;
  const int count = (int)(slices * (split + 1) / p.splits - firstSlice);

  unsigned char *shared = dynamic_shared();
  TileLoader loader(
      own, weight, kernelWidth > 0 ? kernelWidth : 1, shift, tile.row, tile.column,
      firstSlice * TileLoader::sliceElements);

  float sums[down][across][4];
  for (int i = 0; i < down; i++)
    for (int j = 0; j < across; j++)
      for (int k = 0; k < 4; k++) sums[i][j][k] = 0;

  // Where this lane reads its rows of the fragments: the left operand's lie as four matrices of a square, the right
  // one's as two squares side by side.
  const int leftRow = warp / 2 * warpRows + lane % 16, leftChunk = lane / 16;
  const int rightRow = Rows + warp % 2 * warpColumns + lane % 8 + lane / 16 * 8,
            rightChunk = lane / 8 % 2;
  int stage = 0, next = 0;
#pragma unroll 1
  for (int s = 1 - stages; s < count; s++) {
    if (s >= 0) {
      copy_async_wait(stages - 2);
      // All threads' copies of this slice have arrived, and all have left the one before: its place is free.
      barrier();
    }
    if (s + stages - 1 < count) loader.load(shared + next * TileLoader::bytes);
    copy_async_commit();
    next = next == stages - 1 ? 0 : next + 1;
    if (s < 0) continue;

    const unsigned char *slice = shared + stage * TileLoader::bytes;
#pragma unroll
    for (int step = 0; step < 2; step++) {
      typename Numbers::Left left[down];
#pragma unroll
      for (int i = 0; i < down; i++) {
        unsigned words[4];
        load_matrices(words, slice + chunk_place(leftRow + 16 * i, 2 * step + leftChunk));
        left[i] = Numbers::left(words);
      }
#pragma unroll
      for (int j = 0; j < across; j += 2) {
        unsigned words[4];
        load_matrices(words, slice + chunk_place(rightRow + 8 * j, 2 * step + rightChunk));
        const typename Numbers::Right first = Numbers::right(words[0], words[1]);
        const typename Numbers::Right second = Numbers::right(words[2], words[3]);
#pragma unroll
        for (int i = 0; i < down; i++) {
          Numbers::multiply(sums[i][j], left[i], first);
          Numbers::multiply(sums[i][j + 1], left[i], second);
        }
      }
    }
    stage = stage == stages - 1 ? 0 : stage + 1;
  }
  // The last groups of copies are empty. All have read the last slice.
  barrier();

  // Each warp turns its part into whole rows by way of shared memory, 16 rows at a time.
  constexpr int stride = warpColumns + 8;  // eight more, so that rows begin in different banks
  constexpr int lanesOfRow = warpColumns / 4;
  float *slab = (float *)shared + warp * 16 * stride;
  const bool wide = p.partial ? (p.columns & 3) == 0 : is_wide(p.epilogue, p.columns);
  int64_t firstRow = tile.row + warp / 2 * warpRows;
  const int firstColumn = tile.column + warp % 2 * warpColumns;
#pragma unroll 1
  for (int i = 0; i < down; i++) {
#pragma unroll
    for (int j = 0; j < across; j++) {
      float *to = slab + lane / 4 * stride + 8 * j + lane % 4 * 2;
      store_shared((float2 *)to, float2{sums[0][j][0], sums[0][j][1]});
      store_shared((float2 *)(to + 8 * stride), float2{sums[0][j][2], sums[0][j][3]});
      // The next rows move up: registers cannot be counted through, and four copies of all below would be long.
      for (int k = 0; k < down - 1; k++)
        for (int l = 0; l < 4; l++) sums[k][j][l] = sums[k + 1][j][l];
    }
    warp_barrier();
#pragma unroll 1
    for (int r = lane / lanesOfRow; r < 16; r += FoleyCudaWarp / lanesOfRow) {
      const int column = lane % lanesOfRow * 4;
      const float4 x = load_shared((const float4 *)(slab + r * stride + column));
      write_sums(
          p, wide, firstRow + r, firstColumn + column, split, firstOut, {{x.x, x.y, x.z, x.w}});
    }
    warp_barrier();
    firstRow += 16;
  }
}

#define PRODUCT(name, Numbers, rows, columns, blocks) \
  FOLEY_KERNEL(foley_product_##name##_##rows##x##columns, FoleyCudaProduct, FoleyCudaProductThreads, blocks) { \
    make_tile<Numbers, rows, columns, false>(p); \
  }
#define GUARDED_PRODUCT(name, Numbers) \
  FOLEY_KERNEL(foley_product_##name##_guarded, FoleyCudaProduct, FoleyCudaProductThreads, 3) { \
    make_tile<Numbers, 64, 64, true>(p); \
  }

PRODUCT(bf16, HalfNumbers, 128, 128, 2)
PRODUCT(bf16, HalfNumbers, 64, 64, 4)
GUARDED_PRODUCT(bf16, HalfNumbers)
PRODUCT(tf32, RoundedNumbers, 128, 64, 2)
PRODUCT(tf32, RoundedNumbers, 64, 64, 4)
GUARDED_PRODUCT(tf32, RoundedNumbers)
PRODUCT(f32, SplitNumbers, 128, 64, 2)
PRODUCT(f32, SplitNumbers, 64, 64, 3)
GUARDED_PRODUCT(f32, SplitNumbers)

/// Sums the parts of a product whose depth was cut, in their order, and does its epilogue.
FOLEY_KERNEL(foley_product_finish, FoleyCudaProduct, FoleyCudaElementwiseThreads, 2) {
  const bool wide = is_wide(p.epilogue, p.columns) && is_wide(p.partial);
  const int64_t width = (p.columns + 3) / 4;
  const int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  const int64_t row = at / width;
  const int column = (int)(at - row * width) * 4;
  if (!below(row, p.rows)) return;
  Four sum = {{0, 0, 0, 0}};
  for (int split = 0; split < p.splits; split++) {
    const float *from = p.partial + (split * p.rows + row) * p.columns + column;
    if (wide) {
      const Four x = load_four(from, FoleyCudaF32, 0);
      for (int i = 0; i < 4; i++) sum.v[i] += x.v[i];
    } else {
      for (int i = 0; i < 4; i++)
        if (below(column + i, p.columns)) sum.v[i] += load_global(from + i);
    }
  }
  finish(p.epilogue, wide, row, column, p.columns, sum);
}

// MARK: Few rows

/// A product of at most 16 rows reads every weight once, and time is what that takes. So a block takes 8 columns, all
/// its warps read different parts of their weights straight into registers, 16 bytes a lane, and the sums of the warps
/// are added at the end.
///
/// An instruction wants of a lane the pairs of channels 2t and 2t + 8. Which channels these are is of no importance as
/// long as both operands agree, so lane t takes channels 8t ..< 8t + 8 of each 32: two instructions' worth.
FOLEY_KERNEL(foley_product_bf16_few_rows, FoleyCudaProduct, FoleyCudaFewRowsThreads, 2) {
  constexpr int warps = FoleyCudaFewRowsThreads / FoleyCudaWarp;
  const int lane = threadIdx.x % FoleyCudaWarp, warp = threadIdx.x / FoleyCudaWarp;
  const int group = lane / 4, place = lane % 4 * 8;
  const int depth = p.places.depth, firstColumn = (int)blockIdx.x * FoleyCudaFewRowsColumns;
  const uint16_t *x = (const uint16_t *)p.places.base;
  const uint16_t *high = x + group * p.places.placeStride, *low = high + 8 * p.places.placeStride;
  const uint16_t *weight = (const uint16_t *)p.weight + (firstColumn + group) * p.weightStride;
  const bool highThere = below((int64_t)group, p.rows);
  const bool lowThere = below((int64_t)group + 8, p.rows);
  const bool columnThere = below(firstColumn + group, p.columns);

  float sums[4] = {0, 0, 0, 0};
#pragma unroll 4
  for (int at = warp * 32; at < depth; at += warps * 32) {
    const bool inDepth = below(at + place, depth);
    uint4 a = {0, 0, 0, 0}, b = a, w = a;
    if (inDepth && highThere) a = load_global((const uint4 *)(high + at + place));
    if (inDepth && lowThere) b = load_global((const uint4 *)(low + at + place));
    if (inDepth && columnThere) w = load_global((const uint4 *)(weight + at + place));
    const unsigned first[4] = {a.x, b.x, a.y, b.y}, second[4] = {a.z, b.z, a.w, b.w};
    multiply_bf16(sums, first, w.x, w.y);
    multiply_bf16(sums, second, w.z, w.w);
  }

  constexpr int size = FoleyCudaFewRows * FoleyCudaFewRowsColumns;
  float *shared = (float *)dynamic_shared();
  float *own = shared + warp * size + group * FoleyCudaFewRowsColumns + lane % 4 * 2;
  store_shared((float2 *)own, float2{sums[0], sums[1]});
  store_shared((float2 *)(own + size / 2), float2{sums[2], sums[3]});
  barrier();
  if (threadIdx.x >= size / 4) return;
  const int row = threadIdx.x / 2, column = threadIdx.x % 2 * 4;
  Four sum = {{0, 0, 0, 0}};
  for (int i = 0; i < warps; i++) {
    const float4 part =
        load_shared((const float4 *)(shared + i * size + row * FoleyCudaFewRowsColumns + column));
    const Four next = {{part.x, part.y, part.z, part.w}};
    for (int k = 0; k < 4; k++) sum.v[k] += next.v[k];
  }
  if (below((int64_t)row, p.rows))
    finish(
        p.epilogue, is_wide(p.epilogue, p.columns), row, firstColumn + column, p.columns, sum);
}
