#pragma once

// Slices of both operands of a product on their way to shared memory.

#include "numbers.h"

/// Where 16 bytes of a row of 64 lie. The places of a column are exchanged from row to row so that the eight
/// rows a matrix load reads lie in different banks.
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

/// Loads slices of Rows rows of the left operand and Columns of the weight. Each thread takes the same 16 bytes
/// of every 32nd row, so it follows one place along the depth.
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
