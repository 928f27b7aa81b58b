// Element types of checkpoint tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ebb {

// The numbers are part of the .ebb format (docs/format.md) and never change.
enum class DType : uint8_t { kF32 = 0, kF16 = 1, kBf16 = 2 };

[[nodiscard]] constexpr uint64_t DTypeBytes(DType dtype) { return dtype == DType::kF32 ? 4 : 2; }

// "F32", "F16", "BF16": the spelling of safetensors.
[[nodiscard]] std::string_view DTypeName(DType dtype);
[[nodiscard]] std::optional<DType> DTypeFromName(std::string_view name);

// Widens `count` elements of `dtype` to float32, exactly. `from` needs no alignment.
void WidenToF32(DType dtype, const void* from, uint64_t count, float* to);

}  // namespace ebb
