#include "base/hash.h"

#include <xxhash.h>

namespace ebb {

uint64_t Xxh3(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace ebb
