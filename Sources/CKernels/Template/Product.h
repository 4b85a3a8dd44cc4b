// The matrix product. Columns are taken in panels of two vectors, rows in tiles of TILE_ROWS; a tile times a
// panel lives in registers while the depth runs. The weights of a panel are widened and turned to
// [depth][PANEL] one block of the depth at a time, so they stay in their stored type in memory and the
// widened ones in the cache. The left operand is read where it lies where its rows are evenly spaced (also
// those of a convolution over time: neighbours overlap), and copied a tile at a time elsewhere.

// Measured: longer blocks spill out of the first-level cache, shorter ones go over the result more often.
#define DEPTH_BLOCK 384
// Rows of a copied tile; not a power of two, so that they spread over the cache.
#define TILE_STRIDE (DEPTH_BLOCK + 16)

// MARK: Registers

/// c[i][0 ..< PANEL] = (accumulate ? c[i] : 0) + sum over k of a[i][k] * b[k][0 ..< PANEL]. The sum starts
/// from zero in either case: blocks of the depth summed apart lose less than one long sum.
INLINE void multiply_tile(
    const int rows, long depth, const float *a, long aStride, const float *b, float *c, long cStride,
    int accumulate) {
  Vector left[TILE_ROWS], right[TILE_ROWS];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    __builtin_prefetch(c + i * cStride, 1, 3);
    __builtin_prefetch(c + i * cStride + PANEL - 1, 1, 3);
    left[i] = (Vector){0};
    right[i] = (Vector){0};
  }
  for (long k = 0; k < depth; k++) {
    const Vector b0 = load(b), b1 = load(b + LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const Vector x = splat(a[i * aStride]);
      left[i] = x * b0 + left[i];
      right[i] = x * b1 + right[i];
    }
    a++;
    b += PANEL;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    float *to = c + i * cStride;
    store(to, accumulate ? load(to) + left[i] : left[i]);
    store(to + LANES, accumulate ? load(to + LANES) + right[i] : right[i]);
  }
}

typedef void TileFunction(
    long depth, const float *a, long aStride, const float *b, float *c, long cStride, int accumulate);

#define TILE(n)                                                                                   \
  static void tile_##n(                                                                           \
      long depth, const float *a, long aStride, const float *b, float *c, long cStride,           \
      int accumulate) {                                                                           \
    multiply_tile(n, depth, a, aStride, b, c, cStride, accumulate);                               \
  }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5)
#if TILE_ROWS > 5
TILE(6)
#endif
#if TILE_ROWS > 6
TILE(7) TILE(8)
#endif
#if TILE_ROWS > 8
TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif

/// By number of rows.
static TileFunction *const tile_of_rows[TILE_ROWS + 1] = {
    0, tile_1, tile_2, tile_3, tile_4, tile_5,
#if TILE_ROWS > 5
    tile_6,
#endif
#if TILE_ROWS > 6
    tile_7, tile_8,
#endif
#if TILE_ROWS > 8
    tile_9, tile_10, tile_11, tile_12, tile_13, tile_14,
#endif
};

// MARK: Right operand

/// One vector of columns: to[k * PANEL + i] = factors[i * factorStride] * row i [k], for `rows` rows (zeros
/// for the rest of the vector) and k in 0 ..< depth.
INLINE void pack_vector(
    const char *from, const FoleyStorage storage, long stride, long rows, long depth,
    const float *factors, long factorStride, float *to) {
  const long size = storage_size(storage);
  for (long k = 0; k < depth; k += LANES) {
    const long count = minimum(LANES, depth - k);
    Vector square[LANES];
    if (rows >= LANES && count == LANES) {
#pragma clang loop unroll(full)
      for (int i = 0; i < LANES; i++) square[i] = load_stored(from + (i * stride + k) * size, storage);
    } else {
      for (int i = 0; i < LANES; i++) {
        square[i] = (Vector){0};
        if (i >= rows) continue;
        const char *place = from + (i * stride + k) * size;
        square[i] = count == LANES ? load_stored(place, storage)
                                   : load_stored_part(place, storage, count);
      }
    }
    if (factors) {
      for (int i = 0; i < minimum(rows, LANES); i++) square[i] *= factors[i * factorStride];
    }
    transpose_square(square);
    if (count == LANES) {
#pragma clang loop unroll(full)
      for (int i = 0; i < LANES; i++) store(to + (k + i) * PANEL, square[i]);
    } else {
      for (int i = 0; i < count; i++) store(to + (k + i) * PANEL, square[i]);
    }
  }
}

/// Depth k0 ..< k1 of columns column ..< column + PANEL (those below p->columns; zeros for the rest).
INLINE void pack_panel_of(
    const FoleyProduct *p, const FoleyStorage storage, long column, long k0, long k1, float *to) {
  const FoleyPlaces *places = &p->places;
  // Taps that follow each other in memory need no seam.
  const int seamless = p->tapStride == places->depth && p->scaleTapStride == 0;
  const long tapDepth =
      seamless ? places->depth * places->kernelHeight * places->kernelWidth : places->depth;
  for (int half = 0; half < 2; half++) {
    const long n = column + half * LANES;
    const long rows = maximum(0, minimum(LANES, p->columns - n));
    for (long k = k0; k < k1;) {
      const long tap = k / tapDepth, channel = k % tapDepth;
      const long run = minimum(tapDepth - channel, k1 - k);
      const long element = rows ? n * p->weightStride + tap * p->tapStride + channel : 0;
      pack_vector(
          (const char *)p->weight + element * storage_size(storage), storage, p->weightStride, rows, run,
          storage == FoleyI8 ? p->scales + n * p->scaleStride + tap * p->scaleTapStride : 0,
          p->scaleStride, to + (k - k0) * PANEL + half * LANES);
      k += run;
    }
  }
}

static void pack_panel(const FoleyProduct *p, long column, long k0, long k1, float *to) {
  switch (p->storage) {
  case FoleyF32: pack_panel_of(p, FoleyF32, column, k0, k1, to); break;
  case FoleyF16: pack_panel_of(p, FoleyF16, column, k0, k1, to); break;
  case FoleyBF16: pack_panel_of(p, FoleyBF16, column, k0, k1, to); break;
  case FoleyI8: pack_panel_of(p, FoleyI8, column, k0, k1, to); break;
  }
}

// MARK: Left operand

INLINE int is_plain(const FoleyPlaces *s) {
  return s->kernelHeight == 1 && s->kernelWidth == 1 && s->strideX == 1 && s->strideY == 1
      && s->padX == 0 && s->padY == 0 && s->outWidth == s->width && s->outHeight == s->height;
}

static void copy_floats(float *to, const float *from, long count) {
  long i = 0;
  for (; i + LANES <= count; i += LANES) store(to + i, load(from + i));
  for (; i < count; i++) to[i] = from[i];
}

static void clear_floats(float *to, long count) {
  for (long i = 0; i < count; i++) to[i] = 0;
}

/// Depth k0 ..< k1 of `rows` rows from `row`: tile[i * TILE_STRIDE + k - k0]. Divides only at its start: a
/// dilated convolution of few channels copies many short runs.
static void copy_tile(const FoleyPlaces *s, long row, long rows, long k0, long k1, float *tile) {
  if (k0 == k1) return;  // no depth at all: nothing to divide by either
  const int adjacent = s->dilationX == 1 && s->depth == s->placeStride;
  const long tap0 = k0 / s->depth, channel0 = k0 % s->depth;
  const long tapX0 = tap0 % s->kernelWidth, tapY0 = tap0 / s->kernelWidth;
  long column = row % s->outWidth, line = row / s->outWidth % s->outHeight;
  long entry = row / s->outWidth / s->outHeight;
  for (long i = 0; i < rows; i++) {
    const long left = column * s->strideX - s->padX;
    long y = line * s->strideY - s->padY + tapY0, tapX = tapX0, channel = channel0;
    float *to = tile + i * TILE_STRIDE;
    for (long k = k0; k < k1;) {
      const long x = left + tapX * s->dilationX;
      const int inside = y >= 0 && y < s->height && x >= 0 && x < s->width;
      // Taps whose places are adjacent in memory are copied together.
      const long taps = inside && adjacent ? minimum(s->kernelWidth - tapX, s->width - x) : 1;
      const long run = minimum(taps * s->depth - channel, k1 - k);
      if (inside)
        copy_floats(
            to, s->base + ((entry * s->height + y) * s->width + x) * s->placeStride + channel, run);
      else
        clear_floats(to, run);
      to += run;
      k += run;
      // Either the run went to the end of its taps, or this was the last.
      channel = 0;
      tapX += taps;
      if (tapX == s->kernelWidth) tapX = 0, y++;
    }
    if (++column < s->outWidth) continue;
    column = 0;
    if (++line < s->outHeight) continue;
    line = 0;
    entry++;
  }
}

/// Where depth k0 ..< k1 of `rows` rows from `row` can be read, and the distance of the rows.
static const float *left_operand(
    const FoleyPlaces *s, long row, long rows, long k0, long k1, float *tile, long *stride) {
  *stride = TILE_STRIDE;
  // Rows a multiple of 4096 bytes apart would fight for the same lines of the first-level cache.
  if (s->strideX * s->placeStride % 1024 != 0 || rows == 1) {
    if (is_plain(s)) {
      *stride = s->placeStride;
      return s->base + row * s->placeStride + k0;
    }
    const long first = row % s->outWidth, line = row / s->outWidth;
    const long column = first * s->strideX - s->padX;
    const long y = line % s->outHeight * s->strideY - s->padY;
    if (s->kernelHeight == 1 && s->dilationX == 1 && s->depth == s->placeStride
        && first + rows <= s->outWidth && y >= 0 && y < s->height && column >= 0
        && column + (rows - 1) * s->strideX + s->kernelWidth <= s->width) {
      *stride = s->strideX * s->placeStride;
      return s->base + ((line / s->outHeight * s->height + y) * s->width + column) * s->placeStride + k0;
    }
  }
  copy_tile(s, row, rows, k0, k1, tile);
  return tile;
}

/// Asks for depth k0 ..< k1 of rows of a large operand before they are needed: a tile's worth of lines from
/// the third-level cache would cost a fifth of the arithmetic on them.
static void prefetch_rows(const FoleyPlaces *s, long row0, long row1, long k0, long k1) {
  if (!is_plain(s)) return;
  for (long row = row0; row < row1; row++)
    for (long k = k0; k < k1; k += 16) __builtin_prefetch(s->base + row * s->placeStride + k, 0, 2);
}

// MARK: All of it

static long product_scratch(const FoleyProduct *p, long rows, long columns) {
  (void)p;
  const long panels = (columns + PANEL - 1) / PANEL;
  return TILE_ROWS * TILE_STRIDE + panels * PANEL * DEPTH_BLOCK + rows * PANEL;
}

static void product(
    const FoleyProduct *p, long row0, long row1, long column0, long column1, float *scratch) {
  const FoleyPlaces *places = &p->places;
  const long depth = places->kernelHeight * places->kernelWidth * places->depth;
  const long panels = (column1 - column0 + PANEL - 1) / PANEL;
  const long rows = row1 - row0, tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const int in_place =
      !p->bias && !p->residual && !p->snake.alpha && p->activation == FoleyIdentity;
  float *tile = scratch;
  float *packed = tile + TILE_ROWS * TILE_STRIDE;
  float *edge = packed + panels * PANEL * DEPTH_BLOCK;

  long k0 = 0;
  do {
    const long k1 = minimum(k0 + DEPTH_BLOCK, depth);
    for (long panel = 0; panel < panels; panel++)
      pack_panel(p, column0 + panel * PANEL, k0, k1, packed + panel * PANEL * DEPTH_BLOCK);
    for (long t = 0; t < tiles; t++) {
      const long row = row0 + rows * t / tiles;
      const long height = row0 + rows * (t + 1) / tiles - row;
      long stride;
      const float *a = left_operand(places, row, height, k0, k1, tile, &stride);
      for (long panel = 0; panel < panels; panel++) {
        // The rows of the next tile, a share with each panel.
        if (t + 1 < tiles) {
          const long next = minimum(TILE_ROWS, row1 - row - height);
          prefetch_rows(
              places, row + height + next * panel / panels, row + height + next * (panel + 1) / panels, k0,
              k1);
        }
        const long column = column0 + panel * PANEL;
        const long width = minimum(PANEL, column1 - column);
        // The last panel may be narrower than the vectors; it is kept beside the result.
        const int narrow = width < PANEL;
        float *c = narrow ? edge + (row - row0) * PANEL : p->out + row * p->outStride + column;
        const long cStride = narrow ? PANEL : p->outStride;
        tile_of_rows[height](
            k1 - k0, a, stride, packed + panel * PANEL * DEPTH_BLOCK, c, cStride, k0 > 0);
        if (k1 == depth && (narrow || !in_place)) finish(p, row, height, column, width, c, cStride);
      }
    }
    k0 = k1;
  } while (k0 < depth);
}
