// What one core of this machine can do, measured: the figures that benchmarks compare with.
#pragma once

#include <cstdint>

#include "model/owned_matrix.h"

namespace ebb {

struct MachineLimits {
  double flops;       // float32 fma, two operations each, a second
  double ram_bytes;   // read from memory, a second
  double weights[3];  // of kF32, kBf16, kF16: load from the L1 cache, widen, fma; a second
};

// The best of several short runs, since other processes only ever slow one down.
[[nodiscard]] MachineLimits MeasureLimits();

// A matrix of so many bytes, all of them 0 and in memory.
[[nodiscard]] OwnedMatrix ZeroMatrix(int64_t bytes);

// Reads a block once, as fast as this core can.
void ReadOnce(const void* data, int64_t bytes);

}  // namespace ebb
