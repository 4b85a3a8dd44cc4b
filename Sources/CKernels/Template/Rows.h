// Normalisations: each row by itself.

INLINE const float *row_of(FoleyRows rows, long r) {
  return rows.base + (rows.index ? rows.index[r] : r) * rows.stride;
}

static void layer_norm(
    const float *x, float *out, long width, const float *weight, const float *bias, float epsilon,
    FoleyRows shift, FoleyRows scale, long row0, long row1) {
  const long whole = width / LANES * LANES, rest = width - whole;
  for (long r = row0; r < row1; r++) {
    const float *from = x + r * width;
    float *to = out + r * width;
    Vector total = {0};
    for (long j = 0; j < whole; j += LANES) total += load(from + j);
    if (rest) total += load_part(from + whole, rest);
    const float mean = sum(total) / (float)width;
    Vector squares = {0};
    for (long j = 0; j < whole; j += LANES) {
      const Vector d = load(from + j) - mean;
      squares = d * d + squares;
    }
    if (rest) {
      Vector d = load_part(from + whole, rest) - mean;
      d = choose(lanes_below(rest), d, (Vector){0});
      squares = d * d + squares;
    }
    const float inverse = 1.0f / sqrtf(sum(squares) / (float)width + epsilon);
    const float *scales = scale.base ? row_of(scale, r) : 0;
    const float *shifts = shift.base ? row_of(shift, r) : 0;
    for (long j = 0; j < width; j += LANES) {
      const long left = width - j;
      Vector v = (load_upto(from + j, left) - mean) * inverse;
      if (weight) v *= load_upto(weight + j, left);
      if (bias) v += load_upto(bias + j, left);
      if (scales) v *= load_upto(scales + j, left) + 1.0f;
      if (shifts) v += load_upto(shifts + j, left);
      store_upto(to + j, v, left);
    }
  }
}

/// One head: `cosines` and `sines` of depth / 2 angles, or NULL.
INLINE void rms_norm_head(
    const float *x, float *out, long depth, const float *weight, float epsilon, const float *cosines,
    const float *sines) {
  Vector squares = {0};
  for (long j = 0; j < depth; j += LANES) {
    const Vector v = load_upto(x + j, depth - j);
    squares = v * v + squares;
  }
  const float inverse = 1.0f / sqrtf(sum(squares) / (float)depth + epsilon);
  for (long j = 0; j < depth; j += LANES) {
    const long left = depth - j;
    Vector v = load_upto(x + j, left) * inverse;
    if (weight) v *= load_upto(weight + j, left);
    if (cosines) {
      // Only half of each loaded vector of angles is used, doubled; it must not be read past its end.
      const long angles = minimum(left, LANES) / 2;
      const Vector c = load_part(cosines + j / 2, angles), s = load_part(sines + j / 2, angles);
      const Vector cosine = __builtin_shufflevector(c, c, DOUBLED);
      const Vector sine = __builtin_shufflevector(s, s, DOUBLED);
      const Vector swapped = __builtin_shufflevector(v, v, SWAPPED_PAIRS);
      // (even, odd) -> (even * cos - odd * sin, odd * cos + even * sin)
      const Integers even = {0, -1, 0, -1
#if LANES > 4
                             , 0, -1, 0, -1
#endif
#if LANES > 8
                             , 0, -1, 0, -1, 0, -1, 0, -1
#endif
      };
      v = v * cosine + choose(even, swapped, -swapped) * sine;
    }
    store_upto(out + j, v, left);
  }
}

static void rms_norm_rotary(
    FoleyRows x, float *out, long heads, long depth, const float *weight, float epsilon,
    const float *cosines, const float *sines, long positions, long row0, long row1) {
  for (long r = row0; r < row1; r++) {
    const long angle = cosines ? r % positions * (depth / 2) : 0;
    for (long head = 0; head < heads; head++)
      rms_norm_head(
          row_of(x, r) + head * depth, out + (r * heads + head) * depth, depth, weight, epsilon,
          cosines ? cosines + angle : 0, sines ? sines + angle : 0);
  }
}

static void softmax(const float *x, float *out, long width, long row0, long row1) {
  for (long r = row0; r < row1; r++) {
    float *to = out + r * width;
    copy_floats(to, x + r * width, width);
    const float factor = 1.0f / exponentiate(to, width);
    for (long j = 0; j < width; j += LANES)
      store_upto(to + j, load_upto(to + j, width - j) * factor, width - j);
  }
}
