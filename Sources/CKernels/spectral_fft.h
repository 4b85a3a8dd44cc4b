// Body of the Fourier transform, compiled once per instruction set by spectral.c.
//
// A real transform of 2N values is a complex one of N values and a pass that takes even from odd. The
// complex one is Stockham's: every stage reads x[q + s (p + r m)] and writes y[q + s (4 p + r)] with
// r = 0 ... 3, so that the result needs no reordering. From the third stage on the inner loop over q
// is contiguous; the first two have their own forms, over p.

// One radix-4 butterfly on any vector type: results before the twiddles.
#define RADIX4(V, p)                                                       \
  const V sum02r = ar + cr, sum02i = ai + ci, dif02r = ar - cr, dif02i = ai - ci; \
  const V sum13r = br + dr, sum13i = bi + di, dif13r = br - dr, dif13i = bi - di; \
  const V t1r = dif02r + dif13i, t1i = dif02i - dif13r;                    \
  const V t2r = sum02r - sum13r, t2i = sum02i - sum13i;                    \
  const V t3r = dif02r - dif13i, t3i = dif02i + dif13r;                    \
  const V y0r = sum02r + sum13r, y0i = sum02i + sum13i;                    \
  const V y1r = t1r * w1r - t1i * w1i, y1i = t1r * w1i + t1i * w1r;        \
  const V y2r = t2r * w2r - t2i * w2i, y2i = t2r * w2i + t2i * w2r;        \
  const V y3r = t3r * w3r - t3i * w3i, y3i = t3r * w3i + t3i * w3r

static inline float8 NAME(load)(const float *p) {
  float8 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
static inline void NAME(store)(float *p, float8 v) { __builtin_memcpy(p, &v, sizeof v); }
static inline float8 NAME(reversed)(float8 v) {
  return __builtin_shufflevector(v, v, 7, 6, 5, 4, 3, 2, 1, 0);
}

// Plain form of any stage, for the small sizes.
static void NAME(stage_plain)(
    int m, int s, const float *w, const float *xr, const float *xi, float *yr, float *yi) {
  for (int p = 0; p < m; p++) {
    const float w1r = w[p], w1i = w[m + p], w2r = w[2 * m + p], w2i = w[3 * m + p];
    const float w3r = w[4 * m + p], w3i = w[5 * m + p];
    for (int q = 0; q < s; q++) {
      const int a = q + s * p, b = a + s * m, c = b + s * m, d = c + s * m, o = q + 4 * s * p;
      const float ar = xr[a], ai = xi[a], br = xr[b], bi = xi[b];
      const float cr = xr[c], ci = xi[c], dr = xr[d], di = xi[d];
      RADIX4(float, p);
      yr[o] = y0r, yi[o] = y0i, yr[o + s] = y1r, yi[o + s] = y1i;
      yr[o + 2 * s] = y2r, yi[o + 2 * s] = y2i, yr[o + 3 * s] = y3r, yi[o + 3 * s] = y3i;
    }
  }
}

// The first two stages, eight butterflies side by side: the results of each are laid next to one another,
// one by one after the first stage, in fours after the second.
static inline void NAME(lay_singly)(float *y, float8 a, float8 b, float8 c, float8 d) {
  const float8 aclo = __builtin_shufflevector(a, c, 0, 8, 1, 9, 2, 10, 3, 11);
  const float8 achi = __builtin_shufflevector(a, c, 4, 12, 5, 13, 6, 14, 7, 15);
  const float8 bdlo = __builtin_shufflevector(b, d, 0, 8, 1, 9, 2, 10, 3, 11);
  const float8 bdhi = __builtin_shufflevector(b, d, 4, 12, 5, 13, 6, 14, 7, 15);
  NAME(store)(y, __builtin_shufflevector(aclo, bdlo, 0, 8, 1, 9, 2, 10, 3, 11));
  NAME(store)(y + 8, __builtin_shufflevector(aclo, bdlo, 4, 12, 5, 13, 6, 14, 7, 15));
  NAME(store)(y + 16, __builtin_shufflevector(achi, bdhi, 0, 8, 1, 9, 2, 10, 3, 11));
  NAME(store)(y + 24, __builtin_shufflevector(achi, bdhi, 4, 12, 5, 13, 6, 14, 7, 15));
}
static inline void NAME(lay_in_fours)(float *y, float8 a, float8 b, float8 c, float8 d) {
  NAME(store)(y, __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11));
  NAME(store)(y + 8, __builtin_shufflevector(c, d, 0, 1, 2, 3, 8, 9, 10, 11));
  NAME(store)(y + 16, __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15));
  NAME(store)(y + 24, __builtin_shufflevector(c, d, 4, 5, 6, 7, 12, 13, 14, 15));
}

// `n` butterflies; the twiddles of the second stage (s = 4) are stored four times over.
#define STAGE_GATHERED(name, lay)                                                        \
  static void NAME(name)(                                                              \
      int n, const float *w, const float *xr, const float *xi, float *yr, float *yi) { \
    for (int i = 0; i < n; i += 8) {                                                   \
      const float8 w1r = NAME(load)(w + i), w1i = NAME(load)(w + n + i);               \
      const float8 w2r = NAME(load)(w + 2 * n + i), w2i = NAME(load)(w + 3 * n + i);   \
      const float8 w3r = NAME(load)(w + 4 * n + i), w3i = NAME(load)(w + 5 * n + i);   \
      const float8 ar = NAME(load)(xr + i), ai = NAME(load)(xi + i);                   \
      const float8 br = NAME(load)(xr + n + i), bi = NAME(load)(xi + n + i);           \
      const float8 cr = NAME(load)(xr + 2 * n + i), ci = NAME(load)(xi + 2 * n + i);   \
      const float8 dr = NAME(load)(xr + 3 * n + i), di = NAME(load)(xi + 3 * n + i);   \
      RADIX4(float8, i);                                                               \
      NAME(lay)(yr + 4 * i, y0r, y1r, y2r, y3r);                                       \
      NAME(lay)(yi + 4 * i, y0i, y1i, y2i, y3i);                                       \
    }                                                                                  \
  }
STAGE_GATHERED(stage_first, lay_singly)
STAGE_GATHERED(stage_second, lay_in_fours)
#undef STAGE_GATHERED

static void NAME(stage)(
    int m, int s, const float *w, const float *xr, const float *xi, float *yr, float *yi) {
  for (int p = 0; p < m; p++) {
    const float w1r = w[p], w1i = w[m + p], w2r = w[2 * m + p], w2i = w[3 * m + p];
    const float w3r = w[4 * m + p], w3i = w[5 * m + p];
    const float *const inr = xr + s * p, *const ini = xi + s * p;
    float *const outr = yr + 4 * s * p, *const outi = yi + 4 * s * p;
    for (int q = 0; q < s; q += 8) {
      const float8 ar = NAME(load)(inr + q), ai = NAME(load)(ini + q);
      const float8 br = NAME(load)(inr + s * m + q), bi = NAME(load)(ini + s * m + q);
      const float8 cr = NAME(load)(inr + 2 * s * m + q), ci = NAME(load)(ini + 2 * s * m + q);
      const float8 dr = NAME(load)(inr + 3 * s * m + q), di = NAME(load)(ini + 3 * s * m + q);
      RADIX4(float8, p);
      NAME(store)(outr + q, y0r), NAME(store)(outi + q, y0i);
      NAME(store)(outr + s + q, y1r), NAME(store)(outi + s + q, y1i);
      NAME(store)(outr + 2 * s + q, y2r), NAME(store)(outi + 2 * s + q, y2i);
      NAME(store)(outr + 3 * s + q, y3r), NAME(store)(outi + 3 * s + q, y3i);
    }
  }
}

// Transforms a (with b as the other half of a pair) and returns whether the result lies in b.
static bool NAME(complex)(const foley_fft *plan, float *ar, float *ai, float *br, float *bi) {
  const float *w = plan->twiddles;
  int left = plan->complex_size, s = 1;
  bool swapped = false;
#define PASS(...)                             \
  do {                                        \
    float *xr = swapped ? br : ar, *xi = swapped ? bi : ai; \
    float *yr = swapped ? ar : br, *yi = swapped ? ai : bi; \
    __VA_ARGS__;                              \
    swapped = !swapped;                       \
  } while (0)
  while (left >= 4) {
    const int m = left / 4;
    if (plan->plain) {
      PASS(NAME(stage_plain)(m, s, w, xr, xi, yr, yi));
      w += 6 * m;
    } else if (s == 1) {
      PASS(NAME(stage_first)(m, w, xr, xi, yr, yi));
      w += 6 * m;
    } else if (s == 4) {
      PASS(NAME(stage_second)(4 * m, w, xr, xi, yr, yi));
      w += 24 * m;
    } else {
      PASS(NAME(stage)(m, s, w, xr, xi, yr, yi));
      w += 6 * m;
    }
    left = m;
    s *= 4;
  }
  if (left == 2) {
    PASS(for (int q = 0; q < s; q++) {
      const float pr = xr[q], pi = xi[q], qr = xr[q + s], qi = xi[q + s];
      yr[q] = pr + qr, yi[q] = pi + qi, yr[q + s] = pr - qr, yi[q + s] = pi - qi;
    });
  }
#undef PASS
  return swapped;
}

static void NAME(forward)(
    const foley_fft *plan, const float *x, const float *window, float *re, float *im,
    float *scratch) {
  const int n = plan->complex_size;
  float *ar = scratch, *ai = ar + n, *br = ai + n, *bi = br + n;
  if (n >= 8) {
    for (int i = 0; i < n; i += 8) {
      float8 lo = NAME(load)(x + 2 * i), hi = NAME(load)(x + 2 * i + 8);
      if (window) {
        lo *= NAME(load)(window + 2 * i), hi *= NAME(load)(window + 2 * i + 8);
      }
      NAME(store)(ar + i, __builtin_shufflevector(lo, hi, 0, 2, 4, 6, 8, 10, 12, 14));
      NAME(store)(ai + i, __builtin_shufflevector(lo, hi, 1, 3, 5, 7, 9, 11, 13, 15));
    }
  } else {
    for (int i = 0; i < n; i++) {
      ar[i] = window ? x[2 * i] * window[2 * i] : x[2 * i];
      ai[i] = window ? x[2 * i + 1] * window[2 * i + 1] : x[2 * i + 1];
    }
  }
  const bool swapped = NAME(complex)(plan, ar, ai, br, bi);
  const float *zr = swapped ? br : ar, *zi = swapped ? bi : ai;
  const float *c = plan->turn, *d = plan->turn + n + 1;

  re[0] = zr[0] + zi[0], im[0] = 0;
  re[n] = zr[0] - zi[0], im[n] = 0;
  int k = 1;
  for (; k + 7 < n - k - 7; k += 8) {
    const int j = n - k - 7;
    const float8 pr = NAME(load)(zr + k), pi = NAME(load)(zi + k);
    const float8 qr = NAME(reversed)(NAME(load)(zr + j)), qi = NAME(reversed)(NAME(load)(zi + j));
    const float8 er = 0.5f * (pr + qr), ei = 0.5f * (pi - qi);
    const float8 or = 0.5f * (pi + qi), oi = 0.5f * (qr - pr);
    const float8 wr = NAME(load)(c + k), wi = NAME(load)(d + k);
    const float8 tr = or * wr - oi * wi, ti = or * wi + oi * wr;
    NAME(store)(re + k, er + tr), NAME(store)(im + k, ei + ti);
    NAME(store)(re + j, NAME(reversed)(er - tr)), NAME(store)(im + j, NAME(reversed)(ti - ei));
  }
  for (; k <= n / 2; k++) {
    const int j = n - k;
    const float pr = zr[k], pi = zi[k], qr = zr[j], qi = zi[j];
    const float er = 0.5f * (pr + qr), ei = 0.5f * (pi - qi);
    const float or = 0.5f * (pi + qi), oi = 0.5f * (qr - pr);
    const float tr = or * c[k] - oi * d[k], ti = or * d[k] + oi * c[k];
    re[k] = er + tr, im[k] = ei + ti;
    re[j] = er - tr, im[j] = ti - ei;
  }
}

// The inverse of a complex transform is the transform with real and imaginary parts exchanged.
static void NAME(inverse)(
    const foley_fft *plan, const float *re, const float *im, float *x, float *scratch) {
  const int n = plan->complex_size;
  float *ar = scratch, *ai = ar + n, *br = ai + n, *bi = br + n;
  const float *c = plan->turn, *d = plan->turn + n + 1;
  const float unit = 0.5f / (float)n;  // halves of the even and odd parts, and 1/n

  ar[0] = unit * (re[0] + re[n]), ai[0] = unit * (re[0] - re[n]);
  int k = 1;
  for (; k + 7 < n - k - 7; k += 8) {
    const int j = n - k - 7;
    const float8 pr = NAME(load)(re + k), pi = NAME(load)(im + k);
    const float8 qr = NAME(reversed)(NAME(load)(re + j)), qi = NAME(reversed)(NAME(load)(im + j));
    const float8 er = unit * (pr + qr), ei = unit * (pi - qi);
    const float8 tr = unit * (pr - qr), ti = unit * (pi + qi);
    const float8 wr = NAME(load)(c + k), wi = NAME(load)(d + k);
    const float8 or = tr * wr + ti * wi, oi = ti * wr - tr * wi;
    NAME(store)(ar + k, er - oi), NAME(store)(ai + k, ei + or);
    NAME(store)(ar + j, NAME(reversed)(er + oi)), NAME(store)(ai + j, NAME(reversed)(or - ei));
  }
  for (; k <= n / 2; k++) {
    const int j = n - k;
    const float pr = re[k], pi = im[k], qr = re[j], qi = im[j];
    const float er = unit * (pr + qr), ei = unit * (pi - qi);
    const float tr = unit * (pr - qr), ti = unit * (pi + qi);
    const float or = tr * c[k] + ti * d[k], oi = ti * c[k] - tr * d[k];
    ar[k] = er - oi, ai[k] = ei + or;
    ar[j] = er + oi, ai[j] = or - ei;
  }
  const bool swapped = NAME(complex)(plan, ai, ar, bi, br);
  const float *zr = swapped ? br : ar, *zi = swapped ? bi : ai;
  if (n >= 8) {
    for (int i = 0; i < n; i += 8) {
      const float8 r = NAME(load)(zr + i), m = NAME(load)(zi + i);
      NAME(store)(x + 2 * i, __builtin_shufflevector(r, m, 0, 8, 1, 9, 2, 10, 3, 11));
      NAME(store)(x + 2 * i + 8, __builtin_shufflevector(r, m, 4, 12, 5, 13, 6, 14, 7, 15));
    }
  } else {
    for (int i = 0; i < n; i++) x[2 * i] = zr[i], x[2 * i + 1] = zi[i];
  }
}
#undef RADIX4
