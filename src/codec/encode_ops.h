// The encoder's passes over all values, in vectors. Results do not depend on the instruction set.
#pragma once

#include <cstdint>
#include <span>

namespace ebb {

// What the encoder wants to know of a run of values. Magnitudes: see chunk_plan.h.
struct ValueScan {
  uint64_t clipped_sum = 0;  // of min(magnitude >> shift, 32767)
  uint32_t any_bits = 0;     // all magnitudes or-ed: its width is the largest one's
};
[[nodiscard]] ValueScan ScanValues(std::span<const int32_t> values, int shift);

// tokens[i] = values[i] >> raw_bits, which fits 8 bits.
void MakeTokens(std::span<const int32_t> values, int raw_bits, int8_t* tokens);

}  // namespace ebb
