// The product for few rows: weights are read once, where they lie, and every element of the result is a dot
// product along the depth. Turning panels around would cost more than the arithmetic.

#if LANES == 16
#define FEW_ROWS 4
#else
#define FEW_ROWS 2
#endif
#define FEW_COLUMNS 4
#define MOST_FEW_ROWS 32

/// tile[i * PANEL + j] = dot products of `rows` rows of a with FEW_COLUMNS rows of the weights.
INLINE void dot_tile(
    const int rows, long depth, const float *a, long aStride, const char *b, long bStride,
    const FoleyStorage storage, float *tile) {
  const long size = storage_size(storage);
  Vector sums[FEW_ROWS][FEW_COLUMNS];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < FEW_COLUMNS; j++) sums[i][j] = (Vector){0};
  long k = 0;
  for (; k + LANES <= depth; k += LANES) {
    Vector weights[FEW_COLUMNS];
#pragma clang loop unroll(full)
    for (int j = 0; j < FEW_COLUMNS; j++) weights[j] = load_stored(b + (j * bStride + k) * size, storage);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const Vector x = load(a + i * aStride + k);
#pragma clang loop unroll(full)
      for (int j = 0; j < FEW_COLUMNS; j++) sums[i][j] = x * weights[j] + sums[i][j];
    }
  }
  if (k < depth) {
    Vector weights[FEW_COLUMNS];
#pragma clang loop unroll(full)
    for (int j = 0; j < FEW_COLUMNS; j++)
      weights[j] = load_stored_part(b + (j * bStride + k) * size, storage, depth - k);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const Vector x = load_part(a + i * aStride + k, depth - k);
#pragma clang loop unroll(full)
      for (int j = 0; j < FEW_COLUMNS; j++) sums[i][j] = x * weights[j] + sums[i][j];
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < FEW_COLUMNS; j++) tile[i * PANEL + j] = sum(sums[i][j]);
}

INLINE void dot_panel(
    const FoleyProduct *p, const FoleyStorage storage, long column, long columns, float *tile) {
  const long depth = p->places.depth;
  for (long j = 0; j < columns; j += FEW_COLUMNS) {
    const char *b = (const char *)p->weight + (column + j) * p->weightStride * storage_size(storage);
    // Past the last column its weights are read again and the results not used.
    long stride = p->weightStride;
    float single[FEW_ROWS * PANEL];
    const int whole = j + FEW_COLUMNS <= columns;
    for (long i = 0; i < p->rows; i += FEW_ROWS) {
      const float *a = p->places.base + i * p->places.placeStride;
      const long aStride = p->places.placeStride;
      const int rows = (int)minimum(FEW_ROWS, p->rows - i);
      for (int c = 0; c < (whole ? 1 : columns - j); c++) {
        float *to = whole ? tile + i * PANEL + j : single;
        const char *from = b + (whole ? 0 : c * stride * storage_size(storage));
        const long fromStride = whole ? stride : 0;
        switch (rows) {
        case 1: dot_tile(1, depth, a, aStride, from, fromStride, storage, to); break;
#if FEW_ROWS == 4
        case 2: dot_tile(2, depth, a, aStride, from, fromStride, storage, to); break;
        case 3: dot_tile(3, depth, a, aStride, from, fromStride, storage, to); break;
#endif
        default: dot_tile(FEW_ROWS, depth, a, aStride, from, fromStride, storage, to); break;
        }
        if (!whole)
          for (int r = 0; r < rows; r++) tile[(i + r) * PANEL + j + c] = single[r * PANEL];
      }
    }
    if (storage == FoleyI8)
      for (long i = 0; i < p->rows; i++)
        for (long c = j; c < minimum(j + FEW_COLUMNS, columns); c++)
          tile[i * PANEL + c] *= p->scales[(column + c) * p->scaleStride];
  }
}

static void product_of_few_rows(const FoleyProduct *p, long column0, long column1) {
  float tile[MOST_FEW_ROWS * PANEL];
  for (long column = column0; column < column1; column += PANEL) {
    const long columns = minimum(PANEL, column1 - column);
    switch (p->storage) {
    case FoleyF32: dot_panel(p, FoleyF32, column, columns, tile); break;
    case FoleyF16: dot_panel(p, FoleyF16, column, columns, tile); break;
    case FoleyBF16: dot_panel(p, FoleyBF16, column, columns, tile); break;
    case FoleyI8: dot_panel(p, FoleyI8, column, columns, tile); break;
    }
    finish(p, 0, p->rows, column, columns, tile, PANEL);
  }
}
