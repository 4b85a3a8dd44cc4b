// Convolutions that are no products of matrices, channels last.

#include "elements.h"

/// Which element of a result [batch, outHeight, outWidth, width] a thread computes; its columns are counted in
/// steps.
struct ConvolutionPlace {
  int entry, line, column, channel;

  INLINE ConvolutionPlace(const FoleyCudaConvolution &p, int64_t index, int width) {
    int64_t rest = index / width;
    channel = (int)(index - rest * width);
    column = (int)(rest % p.outWidth);
    rest /= p.outWidth;
    line = (int)(rest % p.outHeight);
    entry = (int)(rest / p.outHeight);
  }
  INLINE int64_t row(const FoleyCudaConvolution &p) const {
    return ((int64_t)entry * p.outHeight + line) * p.outWidth + column;
  }
};

template <int Count> INLINE void filter_channels(const FoleyCudaConvolution &p, int64_t index) {
  const ConvolutionPlace place(p, index, p.channels / Count);
  const int channel = place.channel * Count;
  Four sum = {{0, 0, 0, 0}};
  if (p.bias) sum = load_columns<Count>(p.bias, channel);
#pragma unroll 1
  for (int i = 0; i < p.kernelHeight; i++) {
    const int line = place.line * p.strideY + i - p.padY;
    if (!below((unsigned)line, (unsigned)p.height)) continue;
#pragma unroll 1
    for (int j = 0; j < p.kernelWidth; j++) {
      const int column = place.column * p.strideX + j * p.dilationX - p.padX;
      if (!below((unsigned)column, (unsigned)p.width)) continue;
      const int64_t from = (((int64_t)place.entry * p.height + line) * p.width + column) * p.channels;
      const Four x = load_columns<Count>(p.x, p.storage, from, channel);
      const Four weight = load_columns<Count>(
          p.weight, FoleyCudaF32, (int64_t)(i * p.kernelWidth + j) * p.channels, channel);
      for (int k = 0; k < Count; k++) sum.v[k] += x.v[k] * weight.v[k];
    }
  }
  sum = each<Count>(sum, [&](float x) { return activated(p.activation, x); });
  store_columns<Count>(p.out, place.row(p), channel, sum);
}

/// Each channel by itself: over time, or over a picture.
FOLEY_KERNEL(foley_depthwise, FoleyCudaConvolution, FoleyCudaElementwiseThreads, 4) {
  const bool wide = is_wide(p.x, p.channels, p.storage) && is_wide(p.weight) && is_wide(p.bias)
      && is_wide(p.out);
  const int64_t count = (int64_t)p.batch * p.outHeight * p.outWidth * (wide ? p.channels / 4 : p.channels);
  const int64_t step = (int64_t)gridDim.x * blockDim.x;
#pragma unroll 1
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; below(i, count); i += step)
    if (wide)
      filter_channels<4>(p, i);
    else
      filter_channels<1>(p, i);
}

/// Over time, channels in groups. No network here has such a layer, so it is plain.
FOLEY_KERNEL(foley_grouped, FoleyCudaConvolution, FoleyCudaElementwiseThreads, 4) {
  const int depth = p.channels / p.groups;
  const int64_t count = (int64_t)p.batch * p.outWidth * p.columns;
  const int64_t step = (int64_t)gridDim.x * blockDim.x;
#pragma unroll 1
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; below(i, count); i += step) {
    const ConvolutionPlace place(p, i, p.columns);
    const int group = place.channel / (p.columns / p.groups);
    float sum = p.bias ? load_global(p.bias + place.channel) : 0;
    for (int j = 0; j < p.kernelWidth; j++) {
      const int column = place.column * p.strideX + j * p.dilationX - p.padX;
      if (!below((unsigned)column, (unsigned)p.width)) continue;
      const int64_t x = ((int64_t)place.entry * p.width + column) * p.channels + group * depth;
      const float *weight = p.weight + ((int64_t)place.channel * p.kernelWidth + j) * depth;
      for (int c = 0; c < depth; c++)
        sum += load_element(p.x, p.storage, x + c) * load_global(weight + c);
    }
    store_columns<1>(p.out, place.row(p), place.channel, {{activated(p.activation, sum)}});
  }
}

/// The mean over all places of each channel: a warp sums every eighth place of 32 channels, then the eight sums
/// are added in their order.
FOLEY_KERNEL(foley_average, FoleyCudaConvolution, FoleyCudaAverageThreads, 4) {
  constexpr int warps = FoleyCudaAverageThreads / FoleyCudaWarp;
  const int lane = threadIdx.x % FoleyCudaWarp, warp = threadIdx.x / FoleyCudaWarp;
  const int across = (p.channels + FoleyCudaWarp - 1) / FoleyCudaWarp;
  const int entry = blockIdx.x / across, channel = blockIdx.x % across * FoleyCudaWarp + lane;
  float *sums = (float *)dynamic_shared();
  float sum = 0;
  if (below(channel, p.channels))
    for (int place = warp; place < p.width; place += warps)
      sum += load_element(
          p.x, p.storage, ((int64_t)entry * p.width + place) * p.channels + channel);
  store_shared(sums + threadIdx.x, sum);
  barrier();
  if (warp > 0) return;
  sum = 0;
  for (int i = 0; i < warps; i++) sum += load_shared(sums + i * FoleyCudaWarp + lane);
  if (below(channel, p.channels)) store_columns<1>(p.out, entry, channel, {{sum / p.width}});
}
