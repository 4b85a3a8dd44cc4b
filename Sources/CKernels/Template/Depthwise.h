// Depthwise convolution, channels last: lanes are channels, so there is nothing to rearrange.

/// `count` adjacent columns of one line. Lines kernel0 ..< kernel1 of the kernel lie in the picture, and so do
/// its columns tap0 ..< tap1 for every one of the output columns.
INLINE void depthwise_columns(
    const FoleyDepthwise *d, const int count, const float *x, float *out, long kernel0, long kernel1,
    long tap0, long tap1) {
  const long channels = d->channels;
  for (long c = 0; c < channels; c += LANES) {
    const long left = channels - c;
    const Vector start = d->bias ? load_upto(d->bias + c, left) : (Vector){0};
    Vector sums[4];
#pragma clang loop unroll(full)
    for (int q = 0; q < count; q++) sums[q] = start;
    for (long i = kernel0; i < kernel1; i++)
      for (long j = tap0; j < tap1; j++) {
        const Vector w = load_upto(d->weight + (i * d->kernelWidth + j) * channels + c, left);
        const float *from = x + (i * d->width + j * d->dilationX) * channels + c;
#pragma clang loop unroll(full)
        for (int q = 0; q < count; q++)
          sums[q] = load_upto(from + q * d->strideX * channels, left) * w + sums[q];
      }
#pragma clang loop unroll(full)
    for (int q = 0; q < count; q++)
      store_upto(out + q * channels + c, activated(d->activation, sums[q]), left);
  }
}

static void depthwise(const FoleyDepthwise *d, long entry, long line) {
  const long y = line * d->strideY - d->padY;
  const long kernel0 = minimum(maximum(0, -y), d->kernelHeight);
  const long kernel1 = maximum(kernel0, minimum(d->kernelHeight, d->height - y));
  float *out = d->out + (entry * d->outHeight + line) * d->outWidth * d->channels;
  for (long column = 0; column < d->outWidth;) {
    const long x = column * d->strideX - d->padX;
    // May point before the picture; only taps inside are read.
    const float *from = d->x + ((entry * d->height + y) * d->width + x) * d->channels;
    float *to = out + column * d->channels;
    const long last = x + 3 * d->strideX + (d->kernelWidth - 1) * d->dilationX;
    if (x >= 0 && last < d->width && column + 4 <= d->outWidth) {
      depthwise_columns(d, 4, from, to, kernel0, kernel1, 0, d->kernelWidth);
      column += 4;
    } else {
      const long tap0 = x >= 0 ? 0 : minimum((-x + d->dilationX - 1) / d->dilationX, d->kernelWidth);
      const long room = d->width - x;
      const long taps = room <= 0 ? 0 : (room + d->dilationX - 1) / d->dilationX;
      const long tap1 = maximum(tap0, minimum(d->kernelWidth, taps));
      depthwise_columns(d, 1, from, to, kernel0, kernel1, tap0, tap1);
      column += 1;
    }
  }
}
