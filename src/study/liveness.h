// How ranks know that others are alive: a message every second, and on one machine the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ebb {

using Clock = std::chrono::steady_clock;

inline constexpr double kBeatSeconds = 1;
// How much longer than usual silence is borne from who may be reading a large model.
inline constexpr double kStartPatience = 30;

inline double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// This machine's name; "?" if it has none.
[[nodiscard]] std::string HostName();

// Whether there is no process `pid` (above 0) on this machine.
[[nodiscard]] bool ProcessIsGone(int64_t pid);

}  // namespace ebb
