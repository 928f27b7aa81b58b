// Standard normal numbers, each a function of a key and a place: any part of any tensor can be made
// by itself, by any thread, in any order, with the same bits on every machine.
//
// A place gives 32 random bits, by Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC11). Its top bit is the sign, the others the tail probability p = (u + 1/2) /
// 2^32, and the number is the normal law's upper quantile of p, from a table: p's exponent and
// first five bits choose one of 1024 segments that are interpolated linearly. That is within 4e-5
// of the law, a fiftieth of what bf16 then rounds off, and ends at 6.3 standard deviations.
// Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ebb {

// The four words of one counter.
[[nodiscard]] std::array<uint32_t, 4> Philox(std::array<uint32_t, 2> key,
                                             std::array<uint32_t, 4> counter);

// The number at `place`.
[[nodiscard]] float NormalAt(uint64_t key, uint64_t place);

// The upper quantile of the normal law: P(Z > result) = p, for 0 < p <= 1/2.
[[nodiscard]] double NormalUpperQuantile(double p);

// The numbers at places [first, first + to.size()), times `scale` (one float32 multiplication),
// rounded to bf16. Vectorised.
void FillNormalBf16(uint64_t key, uint64_t first, float scale, std::span<uint16_t> to);

}  // namespace ebb
