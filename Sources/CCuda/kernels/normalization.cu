// Norms: a warp for each row, or for each head of a row. A row is read more than once, from the cache from the
// second time on; so a mean is exact before differences from it are squared.

#include "elements.h"

/// The sum over a row of `function(x)`, the same in every lane.
template <class Function>
INLINE float row_sum(const FoleyCudaView &x, int64_t start, int columns, bool wide, Function function) {
  const int lane = threadIdx.x % FoleyCudaWarp;
  float sum = 0;
  if (wide) {
    for (int column = lane * 4; column < columns; column += FoleyCudaWarp * 4) {
      const Four v = load_four(x.base, x.storage, start + column);
      sum += function(v.v[0]) + function(v.v[1]) + (function(v.v[2]) + function(v.v[3]));
    }
  } else {
    for (int column = lane; column < columns; column += FoleyCudaWarp)
      sum += function(load_element(x.base, x.storage, start + column));
  }
  return warp_sum(sum);
}

template <int Count>
INLINE void normalise_columns(
    const FoleyCudaNormalization &p, int64_t row, int64_t start, int column, float mean, float factor) {
  Four x = load_columns<Count>(p.x.base, p.x.storage, start, column);
  for (int i = 0; i < Count; i++) x.v[i] = (x.v[i] - mean) * factor;
  if (p.weight) {
    const Four weight = load_columns<Count>(p.weight, column);
    for (int i = 0; i < Count; i++) x.v[i] *= weight.v[i];
  }
  if (p.bias) {
    const Four bias = load_columns<Count>(p.bias, column);
    for (int i = 0; i < Count; i++) x.v[i] += bias.v[i];
  }
  if (p.scale.base) {
    const Four scale = load_columns<Count>(p.scale, row, column);
    for (int i = 0; i < Count; i++) x.v[i] *= 1 + scale.v[i];
  }
  if (p.shift.base) {
    const Four shift = load_columns<Count>(p.shift, row, column);
    for (int i = 0; i < Count; i++) x.v[i] += shift.v[i];
  }
  store_columns<Count>(p.out, row, column, x);
}

/// ((x - mean) / sqrt(variance + epsilon) * weight + bias) * (1 + scale) + shift
FOLEY_KERNEL(foley_layer_norm, FoleyCudaNormalization, FoleyCudaRowsPerBlock *FoleyCudaWarp, 4) {
  const int lane = threadIdx.x % FoleyCudaWarp;
  const int64_t row = (int64_t)blockIdx.x * FoleyCudaRowsPerBlock + threadIdx.x / FoleyCudaWarp;
  if (!below(row, p.rows)) return;
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.out) && is_wide(p.weight)
      && is_wide(p.bias) && is_wide(p.shift) && is_wide(p.scale);
  const int64_t start = row_start(p.x, row);
  const float mean = row_sum(p.x, start, p.columns, wide, [](float x) { return x; }) / p.columns;
  const float variance = row_sum(p.x, start, p.columns, wide, [=](float x) {
                           return (x - mean) * (x - mean);
                         }) / p.columns;
  const float factor = 1 / sqrtf(variance + p.epsilon);
  if (wide)
    for (int column = lane * 4; column < p.columns; column += FoleyCudaWarp * 4)
      normalise_columns<4>(p, row, start, column, mean, factor);
  else
    for (int column = lane; column < p.columns; column += FoleyCudaWarp)
      normalise_columns<1>(p, row, start, column, mean, factor);
}

/// x / sqrt(mean(x²) + epsilon) * weight of each head, then adjacent pairs rotated by the angles of the row's
/// position.
FOLEY_KERNEL(foley_rms_norm_rotary, FoleyCudaNormalization, FoleyCudaRowsPerBlock *FoleyCudaWarp, 4) {
  const int lane = threadIdx.x % FoleyCudaWarp;
  const int64_t index = (int64_t)blockIdx.x * FoleyCudaRowsPerBlock + threadIdx.x / FoleyCudaWarp;
  if (!below(index, p.rows * p.heads)) return;
  const int depth = p.columns / p.heads, pairs = depth / 2;
  const int64_t row = index / p.heads;
  const int head = (int)(index - row * p.heads);
  const bool wide = (depth & 3) == 0 && is_wide(p.x) && is_wide(p.out) && is_wide(p.weight)
      && (((uint64_t)p.cosines | (uint64_t)p.sines) & 7) == 0;
  const int64_t start = row_start(p.x, row) + head * depth;
  const int64_t to = row * p.out.stride + head * depth;
  const int64_t angles = p.cosines ? row % p.positions * pairs : 0;
  const float square = row_sum(p.x, start, depth, wide, [](float x) { return x * x; }) / depth;
  const float factor = 1 / sqrtf(square + p.epsilon);

  if (wide) {
    for (int d = lane * 4; d < depth; d += FoleyCudaWarp * 4) {
      Four x = load_four(p.x.base, p.x.storage, start + d);
      for (int i = 0; i < 4; i++) x.v[i] *= factor;
      if (p.weight) {
        const Four weight = load_columns<4>(p.weight, d);
        for (int i = 0; i < 4; i++) x.v[i] *= weight.v[i];
      }
      if (p.cosines) {
        const float2 c = load_global((const float2 *)(p.cosines + angles + d / 2));
        const float2 s = load_global((const float2 *)(p.sines + angles + d / 2));
        x = {{x.v[0] * c.x - x.v[1] * s.x, x.v[1] * c.x + x.v[0] * s.x,
              x.v[2] * c.y - x.v[3] * s.y, x.v[3] * c.y + x.v[2] * s.y}};
      }
      store_four(p.out.base, p.out.storage, to + d, x);
    }
    return;
  }
  for (int d = lane; d < depth; d += FoleyCudaWarp) {
    float x = load_element(p.x.base, p.x.storage, start + d) * factor;
    if (p.weight) x *= load_global(p.weight + d);
    if (p.cosines) {
      float other = load_element(p.x.base, p.x.storage, start + (d ^ 1)) * factor;
      if (p.weight) other *= load_global(p.weight + (d ^ 1));
      const float c = load_global(p.cosines + angles + d / 2);
      const float s = load_global(p.sines + angles + d / 2);
      x = d & 1 ? x * c + other * s : x * c - other * s;
    }
    store_element(p.out.base, p.out.storage, to + d, x);
  }
}

/// e^(x - largest) / sum over the columns.
FOLEY_KERNEL(foley_softmax, FoleyCudaNormalization, FoleyCudaRowsPerBlock *FoleyCudaWarp, 4) {
  const int lane = threadIdx.x % FoleyCudaWarp;
  const int64_t row = (int64_t)blockIdx.x * FoleyCudaRowsPerBlock + threadIdx.x / FoleyCudaWarp;
  if (!below(row, p.rows)) return;
  const int64_t start = row_start(p.x, row);
  float largest = minus_infinity();
  for (int column = lane; column < p.columns; column += FoleyCudaWarp)
    largest = fmaxf(largest, load_element(p.x.base, p.x.storage, start + column));
  largest = warp_largest(largest);
  const float sum =
      row_sum(p.x, start, p.columns, false, [=](float x) { return expf(x - largest); });
  for (int column = lane; column < p.columns; column += FoleyCudaWarp) {
    const float x = load_element(p.x.base, p.x.storage, start + column);
    store_element(p.out.base, p.out.storage, row * p.out.stride + column, expf(x - largest) / sum);
  }
}
