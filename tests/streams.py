"""SHA-256 of the first 1,000,000 features of trees at seed 0, as int8, in C order. They may never change."""

GOLDEN = {
    ((2, 2), 0.1): "c269ba05e4c17161d70f000f233f85d0858c62e836199cb5db56c057d53ae6d1",
    ((3, 2, 4), 0.15): "f220658efd7cf33785d5b386fb8ea2c762d5db11019469b28504650e26438c83",
    ((3, 2), (0.2, 0.05)): "ace37ebb00c0ce492a240f1bbbc61432eaba1ce664bd21fbbf1dae618ac1f0c0",
}
