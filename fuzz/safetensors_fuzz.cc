// Any bytes as a safetensors file: refused with an error, or tensors that tile the file's data.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/checked.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  if (size < kSafetensorsStartBytes) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header_bytes =
      ParseSafetensorsStart(bytes.first<kSafetensorsStartBytes>(), size, "fuzz");
  if (!header_bytes) return 0;
  const std::string header(reinterpret_cast<const char*>(data) + kSafetensorsStartBytes,
                           *header_bytes);
  const auto tensors = ParseSafetensorsHeader(header, size, "fuzz");
  if (!tensors) {
    EBB_CHECK(tensors.error().code == ErrorCode::kCorrupt);
    EBB_CHECK(tensors.error().message.find('\n') == std::string::npos);
    return 0;
  }
  uint64_t at = kSafetensorsStartBytes + *header_bytes;
  for (const StoredTensor& tensor : *tensors) {
    EBB_CHECK(tensor.offset == at);
    EBB_CHECK(RangeFits(tensor.offset, tensor.bytes, size));
    EBB_CHECK(CheckedProduct(tensor.shape).has_value());
    at += tensor.bytes;
  }
  EBB_CHECK(at == size);
  return 0;
}
