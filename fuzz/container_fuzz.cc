// Any bytes as the header or the index of an .ebb file: parsed to something consistent, or refused.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/hash.h"
#include "container/index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  if (size < 1) return 0;
  std::vector<std::byte> bytes(size - 1);
  if (size > 1) std::memcpy(bytes.data(), data + 1, size - 1);
  if (data[0] & 1) {
    // A header whose checksum holds, so that what it says is reached.
    if (bytes.size() >= kFileHeaderBytes) {
      const uint64_t checksum = Xxh3(std::span(bytes).first(kFileHeaderBytes - 8));
      std::memcpy(bytes.data() + kFileHeaderBytes - 8, &checksum, 8);
    }
    const auto header = ParseHeader(bytes, "f");
    if (header && header->index_offset + header->index_bytes != header->file_bytes) std::abort();
    return 0;
  }
  constexpr uint64_t kIndexOffset = 1 << 20;
  const auto index = ParseIndex(bytes, kIndexOffset, "f");
  if (!index) return 0;
  for (const GroupRecord& group : index->groups) {
    for (const ChunkRecord& chunk : index->ChunksOf(group)) {
      if (chunk.offset + chunk.bytes > kIndexOffset) std::abort();
    }
    if (index->TensorsOf(group).empty()) std::abort();
  }
  if (SerializeIndex(*index) != bytes) std::abort();  // one index, one form
  return 0;
}
