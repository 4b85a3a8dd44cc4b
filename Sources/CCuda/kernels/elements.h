#pragma once

// Elements of whatever storage, one or four at a time; and the functions that are applied to them.

#include "cuda_ptx.h"

struct Four {
  float v[4];
};

// MARK: Storage

INLINE int element_size(int storage) {
  return storage == FoleyCudaF32 ? 4 : storage == FoleyCudaI8 ? 1 : 2;
}

INLINE float load_element(const void *base, int storage, int64_t at) {
  switch (storage) {
  case FoleyCudaF32: return load_global((const float *)base + at);
  case FoleyCudaBF16: return bits_to_float((unsigned)load_global((const uint16_t *)base + at) << 16);
  case FoleyCudaF16: return widen_f16(load_global((const uint16_t *)base + at));
  default: return (float)load_global((const int8_t *)base + at);
  }
}

/// Of f32 or bf16.
INLINE Four load_four(const void *base, int storage, int64_t at) {
  if (storage == FoleyCudaF32) {
    const float4 x = load_global((const float4 *)((const float *)base + at));
    return {{x.x, x.y, x.z, x.w}};
  }
  const uint2 x = load_global((const uint2 *)((const uint16_t *)base + at));
  return {{bits_to_float(x.x << 16), bits_to_float(x.x & 0xFFFF0000), bits_to_float(x.y << 16),
           bits_to_float(x.y & 0xFFFF0000)}};
}

INLINE void store_element(void *base, int storage, int64_t at, float x) {
  if (storage == FoleyCudaF32)
    store_global((float *)base + at, x);
  else
    store_global((uint16_t *)base + at, (uint16_t)pack_bf16(x, 0));
}

INLINE void store_four(void *base, int storage, int64_t at, Four x) {
  if (storage == FoleyCudaF32)
    store_global((float4 *)((float *)base + at), float4{x.v[0], x.v[1], x.v[2], x.v[3]});
  else
    store_global(
        (uint2 *)((uint16_t *)base + at),
        uint2{pack_bf16(x.v[0], x.v[1]), pack_bf16(x.v[2], x.v[3])});
}

/// Two elements of a matrix whose rows begin at even places.
INLINE void store_two(void *base, int storage, int64_t at, float low, float high) {
  if (storage == FoleyCudaF32)
    store_global((float2 *)((float *)base + at), float2{low, high});
  else
    store_global((unsigned *)((uint16_t *)base + at), pack_bf16(low, high));
}

// MARK: Views

/// Where row r of a view begins, in elements.
INLINE int64_t row_start(const FoleyCudaView &view, int64_t row) {
  return (view.index ? (int64_t)load_global(view.index + row) : row) * view.stride;
}

/// Whether four elements may be taken at once from every fourth column on.
INLINE bool is_wide(const void *base, int64_t stride, int storage) {
  if (!base) return true;
  if (storage != FoleyCudaF32 && storage != FoleyCudaBF16) return false;
  return ((uint64_t)base & (4 * element_size(storage) - 1)) == 0 && (stride & 3) == 0;
}
INLINE bool is_wide(const FoleyCudaView &view) { return is_wide(view.base, view.stride, view.storage); }
INLINE bool is_wide(const FoleyCudaTarget &out) { return is_wide(out.base, out.stride, out.storage); }
INLINE bool is_wide(const float *vector) { return is_wide(vector, 0, FoleyCudaF32); }

/// Elements `column ..< column + Count` of the row that begins at `start`: 1 or 4 of them.
template <int Count>
INLINE Four load_columns(const void *base, int storage, int64_t start, int column) {
  if (Count == 4) return load_four(base, storage, start + column);
  return {{load_element(base, storage, start + column)}};
}
template <int Count> INLINE Four load_columns(const FoleyCudaView &view, int64_t row, int column) {
  return load_columns<Count>(view.base, view.storage, row_start(view, row), column);
}
template <int Count> INLINE Four load_columns(const float *vector, int column) {
  return load_columns<Count>(vector, FoleyCudaF32, 0, column);
}
template <int Count>
INLINE void store_columns(const FoleyCudaTarget &out, int64_t row, int column, Four x) {
  if (Count == 4)
    store_four(out.base, out.storage, row * out.stride + column, x);
  else
    store_element(out.base, out.storage, row * out.stride + column, x.v[0]);
}

// MARK: Functions

INLINE float activated(int activation, float x) {
  switch (activation) {
  case FoleyCudaSilu: return x / (1 + expf(-x));
  case FoleyCudaGeluTanh:
    // 0.5 (1 + tanh u) = 1 / (1 + exp(-2 u)), without the cancellation.
    return x / (1 + expf(-1.5957691216057308f * x * (1 + 0.044715f * x * x)));
  case FoleyCudaGeluErf: return 0.5f * x * erfcf(-0.70710678118654752f * x);
  case FoleyCudaRelu: return x < 0 ? 0 : x;
  case FoleyCudaRelu6: return x < 0 ? 0 : x > 6 ? 6 : x;
  case FoleyCudaTanh: return tanhf(x);
  case FoleyCudaSigmoid: return 1 / (1 + expf(-x));
  case FoleyCudaExp: return expf(x);
  default: return x;
  }
}

/// The square of the sine. Its period is pi, which is taken away in parts; sinf would need local memory for the
/// arguments that never come.
INLINE float sine_squared(float x) {
  float r;
  if (fabsf(x) < 6000) {
    const float n = rintf(x * 0.318309886183790672f);
    r = x - n * 3.140625f;
    r = r - n * 9.67025756835937500e-4f;
    r = r - n * 6.27711415290832520e-7f;
    r = r - n * 1.21542010130123852e-10f;
  } else {
    const double n = rint((double)x * 0.31830988618379067154);
    r = (float)((double)x - n * 3.14159265358979323846);
  }
  // |r| <= pi / 2, error 6.1e-9
  const float s = r * r;
  float p = 2.605479949124856e-6f;
  p = p * s - 1.9809474179055542e-4f;
  p = p * s + 8.333064615726471e-3f;
  p = p * s - 1.6666659712791443e-1f;
  const float sine = r + r * s * p;
  return sine * sine;
}

INLINE float snaked(float x, float alpha, float beta) {
  return x + sine_squared(x * alpha) / (beta + 1e-9f);
}

/// Applies a function of some length to one or four elements with one copy of its code: the elements pass by in
/// turn.
template <int Count, class Function> INLINE Four each(Four x, Function function) {
#pragma unroll 1
  for (int i = 0; i < Count; i++) {
    const float y = function(x.v[0]);
    if (Count == 1) return {{y}};
    x = {{x.v[1], x.v[2], x.v[3], y}};
  }
  return x;
}

// MARK: Sums of a warp

INLINE float minus_infinity() { return bits_to_float(0xFF800000); }

/// The same in every lane, in an order that does not depend on it.
INLINE float warp_sum(float x) {
  for (int mask = 16; mask; mask >>= 1) x += shuffle_xor(x, mask);
  return x;
}
INLINE float warp_largest(float x) {
  for (int mask = 16; mask; mask >>= 1) x = fmaxf(x, shuffle_xor(x, mask));
  return x;
}
