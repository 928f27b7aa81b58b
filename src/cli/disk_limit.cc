#include "cli/disk_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "base/checked.h"
#include "base/stopwatch.h"

namespace ebb {

Result<std::unique_ptr<DiskLimit>> DiskLimit::Open(const File& file, uint64_t block_bytes,
                                                   uint32_t in_flight) {
  std::unique_ptr<DiskLimit> disk(new DiskLimit(file, AlignUp(block_bytes, kPageBytes), in_flight));
  if (disk->blocks() == 0) {
    return MakeError(ErrorCode::kInvalidArgument, file.path(),
                     "it is too small: it has not one block of {} bytes", disk->block_bytes_);
  }
  disk->descriptor_ = open(file.path().c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (disk->descriptor_ < 0) {
    return MakeError(ErrorCode::kUnsupported, file.path(),
                     "its file system does not read past the page cache (O_DIRECT): {}",
                     std::strerror(errno));
  }
  EBB_TRY_ASSIGN(disk->memory_, PageBuffer::Allocate(disk->block_bytes_ * in_flight));
  std::memset(disk->memory_.data(), 1, disk->memory_.size());  // resident before it is timed
  return disk;
}

DiskLimit::~DiskLimit() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<double> DiskLimit::Measure(std::span<const uint64_t> blocks) {
  std::atomic<size_t> next = 0;
  std::atomic<int> failure = 0;
  const auto work = [&](uint32_t thread) {
    std::byte* const to = memory_.data() + thread * block_bytes_;
    for (size_t i = next++; i < blocks.size(); i = next++) {
      const auto at = static_cast<off_t>(blocks[i] * block_bytes_);
      if (pread(descriptor_, to, block_bytes_, at) != static_cast<ssize_t>(block_bytes_)) {
        failure = errno != 0 ? errno : EIO;
      }
    }
  };
  const Stopwatch watch;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < in_flight_; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  const double seconds = watch.seconds();
  if (failure != 0) {
    return MakeError(ErrorCode::kIo, file_.path(), "cannot read: {}", std::strerror(failure));
  }
  return static_cast<double>(blocks.size() * block_bytes_) / seconds;
}

}  // namespace ebb
