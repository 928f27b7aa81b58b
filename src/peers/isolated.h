// Runs code that cannot be trusted with its input - a foreign decoder that trusts its bytes - in a
// child process, so that a crash, an endless loop or a runaway allocation there is an error here.
//
// The child is a fork: it sees all memory of the process as it was, may change its working
// directory and its globals at will, and gives back bytes through memory that both share. It prints
// nothing. Costs about a millisecond, and more in a process with much memory. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"

namespace ebb {

// Zeroed memory that a child shares with its parent. Takes no memory until it is written.
class SharedMemory {
 public:
  [[nodiscard]] static Result<SharedMemory> Create(size_t bytes);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit SharedMemory(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

struct IsolationLimits {
  uint64_t memory_bytes = 0;  // beyond what the process has when it starts
  unsigned seconds = 0;       // wall time
};

// Calls body(shared bytes) in a child; it returns how many of them it has filled, or nothing if it
// failed. Exceptions count as failures. kCorrupt, with `what` as its place, if it failed, crashed
// or exceeded a limit.
[[nodiscard]] Result<size_t> RunIsolated(
    const SharedMemory& shared, const IsolationLimits& limits, const std::string& what,
    const std::function<std::optional<size_t>(std::span<std::byte>)>& body);

}  // namespace ebb
