#define PYLINEAR_TABLE kernels_avx2
#define PYLINEAR_NAME "avx2"
#define PYLINEAR_BYTES 32
#define PYLINEAR_TILE_ROWS 6
#define PYLINEAR_TILE_VECTORS 2
#define PYLINEAR_VISIT_ROWS 2
#include "kernels/kernels.inl"
