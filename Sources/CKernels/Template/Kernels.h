// Not a header in the usual sense: the source of every kernel, included once per instruction set with
//   LANES      f32 lanes of a vector
//   TILE_ROWS  rows of a product that fit the registers beside two vectors of columns
//   TABLE      name of the table of functions
//   LEVEL      its FoleyLevel
// Functions are static, so the copies do not meet.

#include "Vector.h"
#include "Functions.h"
#include "Stored.h"
#include "Product.h"
#include "FewRows.h"
#include "Attention.h"
#include "Rows.h"
#include "Elementwise.h"
#include "Depthwise.h"
#include "Rearrange.h"

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
};
