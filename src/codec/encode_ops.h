// The encoder's passes over all values, in vectors. Results do not depend on the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ebb {

// What the encoder wants to know of a run of values. Magnitudes: see chunk_plan.h.
struct ValueScan {
  uint64_t clipped_sum = 0;  // of min(magnitude >> shift, 32767)
  uint32_t any_bits = 0;     // all magnitudes or-ed: its width is the largest one's
};
[[nodiscard]] ValueScan ScanValues(std::span<const int32_t> values, int shift);

// How many magnitudes have more than `bits` bits; bits below 31.
[[nodiscard]] size_t CountWider(std::span<const int32_t> values, int bits);

// bins[i] = values[i] >> shift, clipped to [-half_bins, half_bins), plus half_bins: an index. At
// most 2^15 half_bins.
void MakeBins(std::span<const int32_t> values, int shift, int half_bins, uint16_t* bins);

// tokens[i] = values[i] >> raw_bits, which fits 8 bits.
void MakeTokens(std::span<const int32_t> values, int raw_bits, int8_t* tokens);

// low[i] = the low 8 (or 16) bits of values[i].
void LowBytes(std::span<const int32_t> values, uint8_t* low);
void LowHalves(std::span<const int32_t> values, uint16_t* low);

// values[i] = (the 16-bit word i of `words`, rotated left by one, minus `offset`) modulo 2^16, as a
// signed number.
void RotateWords(const void* words, size_t count, uint16_t offset, int32_t* values);

}  // namespace ebb
