#pragma once

// What becomes of a sum before it is written: snake(residual + gate * activation(sum + bias)).

#include "elements.h"

/// Whether four columns may be finished at once.
INLINE bool is_wide(const FoleyCudaEpilogue &e, int columns) {
  return (columns & 3) == 0 && is_wide(e.bias) && is_wide(e.residual) && is_wide(e.gate)
      && is_wide(e.snakeAlpha) && is_wide(e.snakeBeta) && is_wide(e.out);
}

/// Columns `column ..< column + Count` of a row of the result.
template <int Count>
INLINE void finish_columns(const FoleyCudaEpilogue &e, int64_t row, int column, Four x) {
  if (e.bias) {
    const Four bias = load_columns<Count>(e.bias, column);
    for (int i = 0; i < Count; i++) x.v[i] += bias.v[i];
  }
  if (e.activation != FoleyCudaIdentity)
    x = each<Count>(x, [&](float x) { return activated(e.activation, x); });
  if (e.gate.base) {
    const Four gate = load_columns<Count>(e.gate, row, column);
    for (int i = 0; i < Count; i++) x.v[i] *= gate.v[i];
  }
  if (e.residual.base) {
    const Four residual = load_columns<Count>(e.residual, row, column);
    for (int i = 0; i < Count; i++) x.v[i] += residual.v[i];
  }
  if (e.snakeAlpha) {
    const Four alpha = load_columns<Count>(e.snakeAlpha, column);
    const Four beta = load_columns<Count>(e.snakeBeta, column);
    for (int i = 0; i < Count; i++) x.v[i] = snaked(x.v[i], alpha.v[i], beta.v[i]);
  }
  store_columns<Count>(e.out, row, column, x);
}

/// Up to four columns, those that exist.
INLINE void finish(
    const FoleyCudaEpilogue &e, bool wide, int64_t row, int column, int columns, Four x) {
  if (wide) {
    if (below(column, columns)) finish_columns<4>(e, row, column, x);
    return;
  }
#pragma unroll 1
  for (int i = 0; i < 4; i++)
    if (below(column + i, columns)) {
      const float value = i == 0 ? x.v[0] : i == 1 ? x.v[1] : i == 2 ? x.v[2] : x.v[3];
      finish_columns<1>(e, row, column + i, {{value}});
    }
}
