// Which program does the work. Results are the same to the bit for one version and one set of SIMD
// instructions; with others they may differ in their last bits.
//
// Thread-safety: pure functions.
#pragma once

#include <string>

namespace ebb {

// The version and the fastest kernels that this machine can run, as in "0.1.0 avx512".
[[nodiscard]] std::string ThisProgram();

}  // namespace ebb
