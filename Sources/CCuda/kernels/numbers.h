#pragma once

// In what numbers the matrix units multiply: what they make of 16 bytes of an operand, and of two fragments.

#include "cuda_ptx.h"

/// bf16: one product of two fragments is one instruction.
struct HalfNumbers {
  typedef uint16_t Element;
  struct Left {
    unsigned words[4];
  };
  struct Right {
    unsigned words[2];
  };
  static INLINE Left left(const unsigned (&words)[4]) {
    return {{words[0], words[1], words[2], words[3]}};
  }
  static INLINE Right right(unsigned first, unsigned second) { return {{first, second}}; }
  static INLINE void multiply(float (&sum)[4], const Left &a, const Right &b) {
    multiply_bf16(sum, a.words, b.words[0], b.words[1]);
  }
  /// Word `i` of 16 bytes.
  static INLINE unsigned word(const Element (&elements)[8], int i) {
    return (unsigned)elements[2 * i + 1] << 16 | elements[2 * i];
  }
};

/// f32 rounded to tf32: ten bits of mantissa.
struct RoundedNumbers {
  typedef float Element;
  struct Left {
    unsigned words[4];
  };
  struct Right {
    unsigned words[2];
  };
  static INLINE Left left(const unsigned (&words)[4]) {
    Left a;
    for (int i = 0; i < 4; i++) a.words[i] = to_tf32(bits_to_float(words[i]));
    return a;
  }
  static INLINE Right right(unsigned first, unsigned second) {
    return {{to_tf32(bits_to_float(first)), to_tf32(bits_to_float(second))}};
  }
  static INLINE void multiply(float (&sum)[4], const Left &a, const Right &b) {
    multiply_tf32(sum, a.words, b.words[0], b.words[1]);
  }
  static INLINE unsigned word(const Element (&elements)[4], int i) {
    return float_to_bits(elements[i]);
  }
};

/// f32 as the sum of two tf32. Of the four products the smallest is left out: what is lost is about 2^-22.
struct SplitNumbers {
  typedef float Element;
  struct Left {
    unsigned large[4], small[4];
  };
  struct Right {
    unsigned large[2], small[2];
  };
  static INLINE void split(float x, unsigned &large, unsigned &small) {
    // What the conversion leaves in the bits that do not count is its own affair.
    large = to_tf32(x) & 0xFFFFE000;
    small = to_tf32(x - bits_to_float(large));
  }
  static INLINE Left left(const unsigned (&words)[4]) {
    Left a;
    for (int i = 0; i < 4; i++) split(bits_to_float(words[i]), a.large[i], a.small[i]);
    return a;
  }
  static INLINE Right right(unsigned first, unsigned second) {
    Right b;
    split(bits_to_float(first), b.large[0], b.small[0]);
    split(bits_to_float(second), b.large[1], b.small[1]);
    return b;
  }
  static INLINE void multiply(float (&sum)[4], const Left &a, const Right &b) {
    multiply_tf32(sum, a.small, b.large[0], b.large[1]);
    multiply_tf32(sum, a.large, b.small[0], b.small[1]);
    multiply_tf32(sum, a.large, b.large[0], b.large[1]);
  }
  static INLINE unsigned word(const Element (&elements)[4], int i) {
    return float_to_bits(elements[i]);
  }
};
