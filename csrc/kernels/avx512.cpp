#define PYLINEAR_TABLE kernels_avx512
#define PYLINEAR_NAME "avx512"
#define PYLINEAR_BYTES 64
#define PYLINEAR_TILE_ROWS 6
#define PYLINEAR_TILE_VECTORS 4
#define PYLINEAR_VISIT_ROWS 4
#include "kernels/kernels.inl"
