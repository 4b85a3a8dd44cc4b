#pragma once

// What every product does to its result before it is written.

/// Writes the rows of a tile to the result, finished. The tile may lie in the result itself.
INLINE void finish(
    const FoleyProduct *p, long row, long rows, long column, long columns, const float *tile,
    long stride) {
  for (long i = 0; i < rows; i++) {
    const long r = row + i;
    float *out = p->out + r * p->outStride + column;
    const float *residual = p->residual ? p->residual + r * p->outStride + column : 0;
    const float *gate = 0;
    if (p->gate.base)
      gate = p->gate.base + (p->gate.index ? p->gate.index[r] : r) * p->gate.stride + column;
    for (long j = 0; j < columns; j += LANES) {
      const long left = columns - j;
      Vector v = load_upto(tile + i * stride + j, left);
      if (p->bias) v += load_upto(p->bias + column + j, left);
      v = activated(p->activation, v);
      if (gate) v *= load_upto(gate + j, left);
      if (residual) v += load_upto(residual + j, left);
      if (p->snake.alpha) {
        const Vector square = sine_squared(v * load_upto(p->snake.alpha + column + j, left));
        v += square * load_upto(p->snake.factor + column + j, left);
      }
      store_upto(out + j, v, left);
    }
  }
}
