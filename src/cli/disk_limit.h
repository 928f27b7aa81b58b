// What the disk under a file can give: plain preads of whole blocks past the page cache, by several
// threads. The limit that benchmarks of reads print beside their figures.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/page_buffer.h"

namespace ebb {

class DiskLimit {
 public:
  // Blocks of `block_bytes` (rounded up to whole pages), `in_flight` at a time. `file` must outlive
  // this. kUnsupported if the file system has no O_DIRECT.
  [[nodiscard]] static Result<std::unique_ptr<DiskLimit>> Open(const File& file,
                                                               uint64_t block_bytes,
                                                               uint32_t in_flight);
  ~DiskLimit();
  DiskLimit(const DiskLimit&) = delete;
  DiskLimit& operator=(const DiskLimit&) = delete;

  uint64_t block_bytes() const { return block_bytes_; }
  // The whole blocks of the file.
  uint64_t blocks() const { return file_.size_bytes() / block_bytes_; }

  // Reads these blocks, each thread the next one that nobody has; bytes a second.
  [[nodiscard]] Result<double> Measure(std::span<const uint64_t> blocks);

 private:
  DiskLimit(const File& file, uint64_t block_bytes, uint32_t in_flight)
      : file_(file), block_bytes_(block_bytes), in_flight_(in_flight) {}

  const File& file_;
  const uint64_t block_bytes_;
  const uint32_t in_flight_;
  int descriptor_ = -1;
  PageBuffer memory_;  // a block each
};

}  // namespace ebb
