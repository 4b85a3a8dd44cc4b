// One element at a time, many at once.

static void activate_all(const float *x, float *out, FoleyActivation activation, long count) {
  for (long j = 0; j < count; j += LANES)
    store_upto(out + j, activated(activation, load_upto(x + j, count - j)), count - j);
}

static void gated_activation(
    const float *x, float *out, FoleyActivation activation, long width, long row0, long row1) {
  for (long r = row0; r < row1; r++) {
    const float *from = x + r * 2 * width;
    float *to = out + r * width;
    for (long j = 0; j < width; j += LANES) {
      const long left = width - j;
      const Vector v = activated(activation, load_upto(from + j, left));
      store_upto(to + j, v * load_upto(from + width + j, left), left);
    }
  }
}

static void snake(
    const float *x, float *out, const float *alpha, const float *factor, long width, long row0,
    long row1) {
  for (long r = row0; r < row1; r++)
    for (long j = 0; j < width; j += LANES) {
      const long left = width - j;
      const Vector v = load_upto(x + r * width + j, left);
      const Vector square = sine_squared(v * load_upto(alpha + j, left));
      store_upto(out + r * width + j, v + square * load_upto(factor + j, left), left);
    }
}

static void gated_residual(
    const float *residual, const float *x, FoleyRows gate, float *out, long width, long row0,
    long row1) {
  for (long r = row0; r < row1; r++) {
    const float *gates = row_of(gate, r);
    for (long j = 0; j < width; j += LANES) {
      const long left = width - j, at = r * width + j;
      const Vector v = load_upto(x + at, left) * load_upto(gates + j, left);
      store_upto(out + at, v + load_upto(residual + at, left), left);
    }
  }
}

static void combine(
    float a, const float *x, float b, FoleyRows y, float *out, long width, long row0, long row1) {
  for (long r = row0; r < row1; r++) {
    const float *other = row_of(y, r);
    for (long j = 0; j < width; j += LANES) {
      const long left = width - j, at = r * width + j;
      store_upto(out + at, load_upto(x + at, left) * a + load_upto(other + j, left) * b, left);
    }
  }
}

static void affine(const float *x, float *out, float multiply, float add, long count) {
  for (long j = 0; j < count; j += LANES)
    store_upto(out + j, load_upto(x + j, count - j) * multiply + add, count - j);
}

static void multiply(const float *x, FoleyRows y, float *out, long width, long row0, long row1) {
  for (long r = row0; r < row1; r++) {
    const float *other = row_of(y, r);
    for (long j = 0; j < width; j += LANES) {
      const long left = width - j, at = r * width + j;
      store_upto(out + at, load_upto(x + at, left) * load_upto(other + j, left), left);
    }
  }
}
