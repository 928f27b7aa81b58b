// The error of round-to-nearest quantization (rtn.cc), without making its bytes.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <span>

namespace ebb {

inline constexpr size_t kRtnGroup = 32;
// Squared errors are summed in so many parts (element i of a group in part i modulo that), so that
// the result does not depend on the width of vectors.
inline constexpr size_t kRtnErrorLanes = 8;

// Adds the squared errors of whole groups of `values` to sums[kRtnErrorLanes] and returns how many
// groups, stopping before one that needs care: with NaN or infinities, or with a scale so small
// that it has no reciprocal or so large that float16 has no room for it. `bits` is 8, 4, 3 or 2.
[[nodiscard]] size_t AddRtnErrors(int bits, std::span<const float> values, double* sums);

}  // namespace ebb
