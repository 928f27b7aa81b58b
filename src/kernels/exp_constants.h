// The constants of exp in docs/numbers.md, shared by all implementations.
//
// With n = round(x log2 e) and r = x - n ln 2, |r| <= ln 2 / 2: exp(x) = 2^n exp(r). ln 2 is split
// in two so that r keeps its precision; n x kExpLn2High fits in a float32 and 7 more bits, so the
// first fma is exact. exp(r) = 1 + r + r^2 (c2 + c3 r + ... + c6 r^4): the minimax polynomial of
// the relative error over |r| <= ln 2 / 2 (Remez exchange, then rounded to float32), 3.1e-9 = 0.05
// units in the last place.
#pragma once

namespace ebb {

inline constexpr float kExpLowest = -87.3f;  // below: 0
inline constexpr float kExpHighest = 88.7f;  // above: infinity
inline constexpr float kExpLog2E = 0x1.715476p+0f;
inline constexpr float kExpLn2High = 0x1.62e43p-1f;
inline constexpr float kExpLn2Low = -0x1.05c61p-29f;
inline constexpr float kExpC2 = 0x1.fffffcp-2f;
inline constexpr float kExpC3 = 0x1.555492p-3f;
inline constexpr float kExpC4 = 0x1.5558f2p-5f;
inline constexpr float kExpC5 = 0x1.1239e2p-7f;
inline constexpr float kExpC6 = 0x1.6a2434p-10f;

}  // namespace ebb
