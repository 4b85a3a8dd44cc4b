// Sums over rows, and rows to columns.

/// Rows are summed in groups first: a running sum of thousands of rows would lose digits.
static void sum_rows(const float *x, float *out, long count, long width, float factor) {
  const long group = 64;
  for (long j = 0; j < width; j += LANES) {
    const long left = width - j;
    Vector total = {0};
    for (long first = 0; first < count; first += group) {
      Vector part = {0};
      for (long r = first; r < minimum(first + group, count); r++)
        part += load_upto(x + r * width + j, left);
      total += part;
    }
    store_upto(out + j, total * factor, left);
  }
}

static void transpose(
    const float *x, float *out, long rows, long columns, long column0, long column1) {
  for (long c = column0; c < column1; c += LANES) {
    const long wide = minimum(LANES, column1 - c);
    for (long r = 0; r < rows; r += LANES) {
      const long high = minimum(LANES, rows - r);
      Vector square[LANES];
      for (int i = 0; i < LANES; i++)
        square[i] = i < high ? load_upto(x + (r + i) * columns + c, wide) : (Vector){0};
      transpose_square(square);
      for (int i = 0; i < wide; i++) store_upto(out + (c + i) * rows + r, square[i], high);
    }
  }
}
