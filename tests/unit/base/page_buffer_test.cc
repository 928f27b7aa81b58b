#include "base/page_buffer.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ebb {
namespace {

TEST(PageBuffer, IsAlignedAndWritable) {
  for (const uint64_t bytes : {1u, 4095u, 4096u, 100'000u, 2u << 20, (2u << 20) + 1, 5'000'000u}) {
    const PageBuffer buffer = PageBuffer::Allocate(bytes).value();
    EXPECT_EQ(buffer.size(), bytes);
    const uint64_t alignment = bytes >= 2u << 20 ? 2u << 20 : kPageBytes;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % alignment, 0u);
    std::memset(buffer.data(), 7, bytes);
  }
}

TEST(PageBuffer, MovesAndMayBeEmpty) {
  PageBuffer empty = PageBuffer::Allocate(0).value();
  EXPECT_EQ(empty.size(), 0u);
  PageBuffer first = PageBuffer::Allocate(5000).value();
  std::byte* const data = first.data();
  PageBuffer second = std::move(first);
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(first.size(), 0u);
  empty = std::move(second);
  EXPECT_EQ(empty.data(), data);
}

TEST(PageBuffer, TooMuchIsAnError) {
  EXPECT_EQ(PageBuffer::Allocate(uint64_t{1} << 60).error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(PageBuffer::Allocate(UINT64_MAX).error().code, ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace ebb
