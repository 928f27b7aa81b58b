// Sizes and times as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ebb {

// "4GiB", "512 MiB", "1.5GB", "4096", "64K" (KiB): bytes. KiB/MiB/GiB/TiB are powers of 1024,
// KB/MB/GB/TB powers of 1000, a lone K/M/G/T is the power of 1024. Negative, empty, non-finite or
// above 2^63 is kInvalidArgument.
[[nodiscard]] Result<uint64_t> ParseSize(std::string_view text);

// "1.50 GiB", "640 B".
[[nodiscard]] std::string FormatSize(uint64_t bytes);

// "850 ms", "12.3 s", "4 min 05 s".
[[nodiscard]] std::string FormatSeconds(double seconds);

// "1,408" style grouping.
[[nodiscard]] std::string FormatCount(uint64_t count);

}  // namespace ebb
