#define PYLINEAR_TABLE kernels_baseline
#define PYLINEAR_NAME "baseline"
#define PYLINEAR_BYTES 16
#define PYLINEAR_TILE_ROWS 6
#define PYLINEAR_TILE_VECTORS 2
#define PYLINEAR_VISIT_ROWS 2
#include "kernels/kernels.inl"
