// Is an .ebb file whole, and does it keep its promises?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/weight_source.h"
#include "base/progress.h"
#include "base/threads.h"
#include "packed/packed_source.h"

namespace ebb {

struct VerifyReport {
  uint64_t chunks = 0;
  uint64_t bad_chunks = 0;  // a checksum does not hold, or the bytes do not decode
  uint64_t elements = 0;    // compared with the original
  uint64_t violations = 0;  // elements beyond their bound, or not bit-identical where lossless
  double max_error_over_bound = 0;
  std::vector<std::string> problems;  // the first few, one line each

  bool ok() const { return bad_chunks == 0 && violations == 0; }
};

// Reads and decodes every chunk. With `original`, compares every element with it: bounds are worked
// out again from the original's weights, not taken from the file. `original` must have the same
// tensors.
[[nodiscard]] Result<VerifyReport> Verify(const PackedSource& packed, const WeightSource* original,
                                          const ThreadPool& threads, const ProgressSink& progress);

}  // namespace ebb
