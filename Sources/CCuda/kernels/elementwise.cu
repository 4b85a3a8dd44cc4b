// One element at a time, many at once. x, y and the residual may each be a view whose single row serves all.

#include "elements.h"

/// Calls `function(row, column, Count)` for all elements, four adjacent ones at a time where `wide` says so.
template <class Function>
INLINE void for_each_element(int64_t rows, int columns, bool wide, Function function) {
  const int64_t stride = (int64_t)gridDim.x * blockDim.x;
  const int64_t first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  const int width = wide ? columns / 4 : columns;
  const int64_t count = rows * width;
#pragma unroll 1
  for (int64_t i = first; below(i, count); i += stride) {
    // Divisions of 64 bits take several times as long.
    const int64_t row = count <= 0x7FFFFFFF ? (unsigned)i / (unsigned)width : i / width;
    const int column = (int)(i - row * width);
    if (wide)
      function.template apply<4>(row, 4 * column);
    else
      function.template apply<1>(row, column);
  }
}

struct Activate {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    x = each<Count>(x, [&](float x) { return activated(p.activation, x); });
    store_columns<Count>(p.out, row, column, x);
  }
};

/// activation(x): of f32 and bf16; with the identity it converts.
FOLEY_KERNEL(foley_activate, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.out);
  for_each_element(p.rows, p.columns, wide, Activate{p});
}

struct GatedActivation {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    const Four factor = load_columns<Count>(p.x, row, column + p.columns);
    x = each<Count>(x, [&](float x) { return activated(p.activation, x); });
    for (int i = 0; i < Count; i++) x.v[i] *= factor.v[i];
    store_columns<Count>(p.out, row, column, x);
  }
};

/// x of 2 * columns: activation(first half) * second half.
FOLEY_KERNEL(foley_gated_activation, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.out);
  for_each_element(p.rows, p.columns, wide, GatedActivation{p});
}

struct Snake {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    const Four alpha = load_columns<Count>(p.alpha, column);
    const Four beta = load_columns<Count>(p.beta, column);
    for (int i = 0; i < Count; i++) x.v[i] = snaked(x.v[i], alpha.v[i], beta.v[i]);
    store_columns<Count>(p.out, row, column, x);
  }
};

/// x + sin²(alpha x) / (beta + 1e-9)
FOLEY_KERNEL(foley_snake, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.out) && is_wide(p.alpha)
      && is_wide(p.beta);
  for_each_element(p.rows, p.columns, wide, Snake{p});
}

struct GatedResidual {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    const Four gate = load_columns<Count>(p.y, row, column);
    const Four residual = load_columns<Count>(p.residual, row, column);
    for (int i = 0; i < Count; i++) x.v[i] = residual.v[i] + gate.v[i] * x.v[i];
    store_columns<Count>(p.out, row, column, x);
  }
};

/// residual + y * x
FOLEY_KERNEL(foley_gated_residual, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.y) && is_wide(p.residual)
      && is_wide(p.out);
  for_each_element(p.rows, p.columns, wide, GatedResidual{p});
}

struct Combine {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    const Four y = load_columns<Count>(p.y, row, column);
    for (int i = 0; i < Count; i++) x.v[i] = p.a * x.v[i] + p.b * y.v[i];
    store_columns<Count>(p.out, row, column, x);
  }
};

/// a * x + b * y
FOLEY_KERNEL(foley_combine, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.y) && is_wide(p.out);
  for_each_element(p.rows, p.columns, wide, Combine{p});
}

struct Affine {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    for (int i = 0; i < Count; i++) x.v[i] = p.a * x.v[i] + p.b;
    store_columns<Count>(p.out, row, column, x);
  }
};

/// a * x + b
FOLEY_KERNEL(foley_affine, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.out);
  for_each_element(p.rows, p.columns, wide, Affine{p});
}

struct Multiply {
  const FoleyCudaElementwise &p;
  template <int Count> INLINE void apply(int64_t row, int column) const {
    Four x = load_columns<Count>(p.x, row, column);
    const Four y = load_columns<Count>(p.y, row, column);
    for (int i = 0; i < Count; i++) x.v[i] *= y.v[i];
    store_columns<Count>(p.out, row, column, x);
  }
};

/// x * y
FOLEY_KERNEL(foley_multiply, FoleyCudaElementwise, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.y) && is_wide(p.out);
  for_each_element(p.rows, p.columns, wide, Multiply{p});
}
