// What a child process does stays there.
#include "peers/isolated.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace ebb {
namespace {

using ::testing::HasSubstr;

constexpr IsolationLimits kLimits = {256 << 20, 20};

Result<size_t> RunIt(const std::function<std::optional<size_t>(std::span<std::byte>)>& body,
                     const IsolationLimits& limits = kLimits) {
  static const SharedMemory shared = SharedMemory::Create(1000).value();
  return RunIsolated(shared, limits, "it", body);
}

TEST(Isolated, GivesBackWhatTheBodyWrote) {
  const SharedMemory shared = SharedMemory::Create(100).value();
  int outside = 1;
  const Result<size_t> size = RunIsolated(shared, kLimits, "it", [&](std::span<std::byte> to) {
    outside = 2;
    to[99] = std::byte{7};
    return to.size();
  });
  EXPECT_EQ(size.value(), 100u);
  EXPECT_EQ(shared.bytes()[99], std::byte{7});
  EXPECT_EQ(outside, 1);
}

TEST(Isolated, EveryEndOfTheBodyIsAnError) {
  EXPECT_FALSE(RunIt([](auto) { return std::nullopt; }).has_value());
  EXPECT_FALSE(RunIt([](auto) -> std::optional<size_t> { throw std::runtime_error("x"); }));
  EXPECT_FALSE(RunIt([](auto) -> std::optional<size_t> { _exit(3); }));
  const auto crash = [](auto) -> std::optional<size_t> {
    raise(SIGSEGV);
    return 0;
  };
  EXPECT_THAT(RunIt(crash).error().ToString(), HasSubstr("crashed"));
  EXPECT_THAT(RunIt([](auto) -> std::optional<size_t> { std::abort(); }).error().ToString(),
              HasSubstr("crashed"));
  const auto endless = [](auto) -> std::optional<size_t> {
    for (;;) sleep(1);
  };
  EXPECT_THAT(RunIt(endless, {256 << 20, 1}).error().ToString(), HasSubstr("more than 1 seconds"));
}

}  // namespace
}  // namespace ebb
