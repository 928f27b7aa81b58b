// What this process holds, as the kernel counts it.
#pragma once

#include <cstdint>

namespace ebb {

// The largest resident set size so far, in bytes (0 if the kernel does not say).
[[nodiscard]] uint64_t PeakRssBytes();

// Lets PeakRssBytes begin anew, if the kernel can.
void ResetPeakRss();

// The resident set size now, in bytes (0 if the kernel does not say).
[[nodiscard]] uint64_t CurrentRssBytes();

}  // namespace ebb
