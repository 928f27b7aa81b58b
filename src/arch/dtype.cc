#include "arch/dtype.h"

#include <cstring>

#include "base/float16.h"

namespace ebb {
namespace {

constexpr std::string_view kNames[] = {"F32", "F16", "BF16"};

uint16_t Load16(const void* from, uint64_t index) {
  uint16_t bits;
  std::memcpy(&bits, static_cast<const unsigned char*>(from) + index * sizeof(bits), sizeof(bits));
  return bits;
}

}  // namespace

std::string_view DTypeName(DType dtype) { return kNames[static_cast<size_t>(dtype)]; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    if (name == DTypeName(dtype)) return dtype;
  }
  return std::nullopt;
}

void WidenToF32(DType dtype, const void* from, uint64_t count, float* to) {
  switch (dtype) {
    case DType::kF32:
      if (count > 0) std::memcpy(to, from, count * sizeof(float));
      return;
    case DType::kF16:
      for (uint64_t i = 0; i < count; ++i) to[i] = F16ToF32(Load16(from, i));
      return;
    case DType::kBf16:
      for (uint64_t i = 0; i < count; ++i) to[i] = Bf16ToF32(Load16(from, i));
      return;
  }
}

}  // namespace ebb
