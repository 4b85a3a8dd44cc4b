#pragma once

// Elementary functions, to about one unit in the last place of f32. The polynomials were fitted for the
// smallest largest relative error on the stated interval; NaN and infinities come out as in exact arithmetic.

#define ROUNDING 12582912.0f  // 1.5 * 2^23: adding it leaves an integer in the low bits

/// 2^n for -126 <= n <= 127.
INLINE Vector power_of_two(Integers n) { return (Vector)((n + 127) << 23); }

/// e^r for |r| <= 0.35, error 3.3e-9.
INLINE Vector exponential_near_zero(Vector r) {
  Vector p = splat(1.381315290927887e-3f);
  p = p * r + 8.36941134184599e-3f;
  p = p * r + 4.166845604777336e-2f;
  p = p * r + 1.6666515171527863e-1f;
  p = p * r + 4.999999403953552e-1f;
  return p * (r * r) + r + 1.0f;
}

INLINE Vector exponential(Vector x) {
  // Past -105 and 89 the result is 0 or infinite in any case; NaN stays. ln 2 is taken in two parts, the first
  // short enough for an exact product.
#if LANES == 16
  // Where an operand is NaN these give the second one.
  x = (Vector)_mm512_max_ps((__m512)splat(-105.0f), (__m512)x);
  x = (Vector)_mm512_min_ps((__m512)splat(89.0f), (__m512)x);
  const Vector n = (Vector)_mm512_roundscale_ps(
      (__m512)(x * 1.44269504088896341f), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const Vector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  return (Vector)_mm512_scalef_ps((__m512)exponential_near_zero(r), (__m512)n);
#else
  x = choose(x > 89.0f, splat(89.0f), x);
  x = choose(x < -105.0f, splat(-105.0f), x);
  Vector shifted = x * 1.44269504088896341f + ROUNDING;
  Integers n = (Integers)shifted - (Integers)splat(ROUNDING);
  Vector whole = shifted - ROUNDING;
  Vector p = exponential_near_zero((x - whole * 0.693359375f) + whole * 2.12194440e-4f);
  // Two factors, so that results below the normal range fade out instead of breaking off.
  Integers half = n >> 1;
  return p * power_of_two(half) * power_of_two(n - half);
#endif
}

INLINE Vector magnitude(Vector x) { return (Vector)((Integers)x & 0x7FFFFFFF); }

INLINE Vector hyperbolic_tangent(Vector x) {
  Vector size = magnitude(x);
  // size <= 0.632, error 4.7e-9
  Vector s = x * x;
  Vector p = splat(-5.660754628479481e-3f);
  p = p * s + 2.0601972937583923e-2f;
  p = p * s - 5.372921749949455e-2f;
  p = p * s + 1.3331328332424164e-1f;
  p = p * s - 3.3333277702331543e-1f;
  Vector near = x * (s * p + 1.0f);
  Vector far = 1.0f - 2.0f / (exponential(size + size) + 1.0f);
  far = (Vector)((Integers)far | ((Integers)x & INT32_MIN));
  return choose(size < 0.625f, near, far);
}

/// The square of the sine. Its period is pi, which is taken away in four parts with few bits each.
INLINE Vector sine_squared(Vector x) {
  Vector shifted = x * 0.318309886183790672f + ROUNDING;
  Vector n = shifted - ROUNDING;
  Vector r = x - n * 3.140625f;
  r = r - n * 9.67025756835937500e-4f;
  r = r - n * 6.27711415290832520e-7f;
  r = r - n * 1.21542010130123852e-10f;
  // |r| <= pi / 2, error 6.1e-9
  Vector s = r * r;
  Vector p = splat(2.605479949124856e-6f);
  p = p * s - 1.9809474179055542e-4f;
  p = p * s + 8.333064615726471e-3f;
  p = p * s - 1.6666659712791443e-1f;
  Vector sine = r + r * s * p;
  Vector result = sine * sine;
  // The parts of pi are exact up to about this many periods.
  Integers large = magnitude(x) > 6000.0f;
  if (__builtin_expect(__builtin_reduce_or(large), 0)) {
    for (int i = 0; i < LANES; i++)
      if (large[i]) {
        double exact = sin((double)x[i]);
        result[i] = (float)(exact * exact);
      }
  }
  return result;
}

/// x times the normal distribution function of x.
INLINE Vector gelu_exact(Vector x) {
  Vector size = magnitude(x);
  // The tail of the distribution is exp(-x^2 / 2) times a polynomial of t, error 2.8e-8 up to 14.5.
  Vector t = 1.0f / (size * 0.35f + 1.0f);
  Vector p = splat(-2.8266098350286484e-2f);
  p = p * t + 1.3941195607185364e-1f;
  p = p * t - 2.455473691225052e-1f;
  p = p * t + 1.4641278982162476e-1f;
  p = p * t - 1.3205337338149548e-2f;
  p = p * t + 1.0059549659490585e-1f;
  p = p * t + 1.2138469517230988e-1f;
  p = p * t + 1.395617425441742e-1f;
  p = p * t + 1.3965357840061188e-1f;
  p = p * t - 1.453669597140106e-6f;
  Vector tail = exponential(size * size * -0.5f) * p;
  return x * choose(x < 0.0f, tail, 1.0f - tail);
}

INLINE Vector activated(FoleyActivation activation, Vector x) {
  switch (activation) {
  case FoleyIdentity: return x;
  case FoleySilu: return x / (1.0f + exponential(-x));
  case FoleyGeluTanh: {
    // 0.5 (1 + tanh u) = 1 / (1 + exp(-2 u)), without the cancellation.
    Vector u = x * 0.797884560802865356f * (x * x * 0.044715f + 1.0f);
    return x / (1.0f + exponential(u * -2.0f));
  }
  case FoleyGeluErf: return gelu_exact(x);
  case FoleyRelu: return choose(x < 0.0f, (Vector){0}, x);
  case FoleyRelu6: x = choose(x < 0.0f, (Vector){0}, x); return choose(x > 6.0f, splat(6.0f), x);
  case FoleyTanh: return hyperbolic_tangent(x);
  case FoleySigmoid: return 1.0f / (1.0f + exponential(-x));
  case FoleyExp: return exponential(x);
  }
  return x;
}
