// XXH3-64: the checksum of every chunk of an .ebb file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ebb {

[[nodiscard]] uint64_t Xxh3(std::span<const std::byte> bytes);

}  // namespace ebb
