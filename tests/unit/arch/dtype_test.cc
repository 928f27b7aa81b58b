#include "arch/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace ebb {
namespace {

TEST(DType, NamesAreThoseOfSafetensors) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    EXPECT_EQ(DTypeFromName(DTypeName(dtype)), dtype);
  }
  EXPECT_EQ(DTypeName(DType::kBf16), "BF16");
  for (const char* name : {"", "f32", "F64", "F8_E4M3", "BF16 "}) {
    EXPECT_EQ(DTypeFromName(name), std::nullopt) << name;
  }
}

TEST(DType, WideningIsExactFromAnyAddress) {
  const std::vector<uint16_t> bf16 = {0x3f80, 0xc020, 0x0001, 0x7f80, 0x8000};
  const std::vector<uint16_t> f16 = {0x3c00, 0xc100, 0x0001, 0x7c00, 0x8000};
  const std::vector<float> bf16_values = {1.0f, -2.5f, 0x1p-133f, INFINITY, -0.0f};
  const std::vector<float> f16_values = {1.0f, -2.5f, 0x1p-24f, INFINITY, -0.0f};
  for (const size_t shift : {0, 1, 3}) {
    std::vector<char> bytes(shift + 10);
    std::vector<float> wide(5);
    std::memcpy(bytes.data() + shift, bf16.data(), 10);
    WidenToF32(DType::kBf16, bytes.data() + shift, 5, wide.data());
    EXPECT_EQ(wide, bf16_values);
    std::memcpy(bytes.data() + shift, f16.data(), 10);
    WidenToF32(DType::kF16, bytes.data() + shift, 5, wide.data());
    EXPECT_EQ(wide, f16_values);
    EXPECT_TRUE(std::signbit(wide[4]));
  }
}

TEST(DType, Float32PassesBitForBit) {
  const std::vector<uint32_t> bits = {0x7fc00001, 0xffa00000, 0x00000001, 0x80000000};
  std::vector<float> wide(bits.size());
  WidenToF32(DType::kF32, bits.data(), bits.size(), wide.data());
  for (size_t i = 0; i < bits.size(); ++i) EXPECT_EQ(std::bit_cast<uint32_t>(wide[i]), bits[i]);
  WidenToF32(DType::kF32, nullptr, 0, nullptr);
}

}  // namespace
}  // namespace ebb
