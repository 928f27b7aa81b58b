// How reads get to the kernel: io_uring, or threads that call pread. Internal to offload/; tests
// put a faulty one in its place.
//
// A backend carries out steps, each one attempt to read, and says what the kernel answered. It
// neither retries nor judges: that is AsyncReader's, so it is the same for all of them. Start,
// Flush and RegisterBuffers are called under the reader's lock. Reap is not, and runs beside the
// others, but only once at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace ebb {

using ReadTime = std::chrono::steady_clock::time_point;

// The same file twice. -1: it cannot be opened with O_DIRECT.
struct ReadDescriptors {
  int buffered = -1;
  int direct = -1;
};

struct ReadStep {
  uint32_t slot = 0;    // given back with the answer; no two steps in flight have the same
  bool direct = false;  // with O_DIRECT: offset, address and size are multiples of 4096
  uint64_t offset = 0;
  std::span<std::byte> to;  // at most 1 GiB; stays the kernel's until the answer is there
};

struct ReadAnswer {
  uint32_t slot = 0;
  int64_t result = 0;  // bytes read, 0 at the end of the file, or minus an errno
  ReadTime at;         // when it was known
};

class ReadBackend {
 public:
  // No step is in flight any more.
  virtual ~ReadBackend() = default;

  virtual void Start(const ReadStep& step) = 0;

  // Hands over what Start could not; false if not a single step in flight is with the kernel, which
  // then has no memory for it at the moment.
  [[nodiscard]] virtual bool Flush() { return true; }

  // Appends the answers that are there; if `wait`, at least one of a step in flight.
  virtual void Reap(bool wait, std::vector<ReadAnswer>* answers) = 0;

  // Lets the kernel keep hold of memory that steps read into. False if it does not.
  [[nodiscard]] virtual bool RegisterBuffers(std::span<const std::span<std::byte>> buffers) {
    (void)buffers;
    return false;
  }

  // "io_uring", "8 pread threads".
  [[nodiscard]] virtual std::string Name() const = 0;
};

// At most `in_flight` steps at a time. The descriptors stay the caller's. kUnsupported where the
// kernel refuses io_uring.
[[nodiscard]] Result<std::unique_ptr<ReadBackend>> MakeIoUringBackend(
    const ReadDescriptors& descriptors, uint32_t in_flight);
[[nodiscard]] std::unique_ptr<ReadBackend> MakePreadBackend(const ReadDescriptors& descriptors,
                                                            uint32_t in_flight);

}  // namespace ebb
