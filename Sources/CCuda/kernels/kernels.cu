// All device code as one module.

#include "attention.cu"
#include "convolution.cu"
#include "elementwise.cu"
#include "few_rows.cu"
#include "integers.cu"
#include "normalization.cu"
#include "products.cu"
#include "rearrangement.cu"
