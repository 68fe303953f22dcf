#pragma once

// All that a program needs: features of a tree, their modes, and networks that learn them.

#include "core/modes.hpp"
#include "core/network.hpp"
#include "core/sampler.hpp"
#include "core/seed.hpp"
