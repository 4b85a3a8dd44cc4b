// Not a header in the usual sense: the source of every kernel, included once per instruction set with
//   LANES      f32 lanes of a vector
//   TILE_ROWS  rows of a product that fit the registers beside two vectors of columns
//   TABLE      name of the table of functions
//   LEVEL      its FoleyLevel
// Functions are static, so the copies do not meet.

#include "Vector.h"
#include "Functions.h"
#include "Stored.h"
#include "Rounding.h"
#include "Finish.h"
#include "Product.h"
#include "FewRows.h"
#include "Attention.h"
#include "Rows.h"
#include "Elementwise.h"
#include "Depthwise.h"
#include "Rearrange.h"
#include "Convert.h"

/// Nothing but products and sums in registers: `rounds` times 24 vectors of them.
static float peak(long rounds) {
  Vector sums[12];
  Vector a = splat(1.0f / (float)rounds), b = splat(0.5f);
#pragma clang loop unroll(full)
  for (int i = 0; i < 12; i++) sums[i] = splat((float)i);
  for (long round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 24; i++) {
      sums[i % 12] = a * b + sums[i % 12];
      TOUCH(a);
    }
  }
  Vector total = {0};
  for (int i = 0; i < 12; i++) total += sums[i];
  return sum(total);
}

const FoleyKernels TABLE = {
    .level = LEVEL,
    .panel = PANEL,
    .productScratch = product_scratch,
    .product = product,
    .productOfFewRows = product_of_few_rows,
    .attentionScratch = attention_scratch,
    .attention = attention,
    .layerNorm = layer_norm,
    .rmsNormRotary = rms_norm_rotary,
    .softmax = softmax,
    .activate = activate_all,
    .gatedActivation = gated_activation,
    .snake = snake,
    .gatedResidual = gated_residual,
    .combine = combine,
    .affine = affine,
    .multiply = multiply,
    .depthwise = depthwise,
    .sumRows = sum_rows,
    .transpose = transpose,
    .widen = widen_all,
    .roundWeights = round_weights,
    .peak = peak,
    .peakOperations = 24 * LANES * 2,
};
