// An encoded expert as matrices that kernels multiply without decoding it to memory first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/expert_provider.h"
#include "packed/packed_source.h"

namespace ebb {

// Reused from one expert to the next. Neither copied nor moved: the matrices point into it.
class EncodedExpert {
 public:
  EncodedExpert() = default;
  EncodedExpert(const EncodedExpert&) = delete;
  EncodedExpert& operator=(const EncodedExpert&) = delete;

  // Takes the bytes of a group, which must stay where they are, with kReadSlackBytes readable bytes
  // behind them. False if the group must be decoded first: its chunks are not rows of 8-bit codes.
  // kCorrupt if they are no chunks.
  [[nodiscard]] Result<bool> Take(const PackedSource& packed, size_t group,
                                  std::span<const std::byte> bytes);

  // Of the last group taken, valid until the next.
  const ExpertMatrices& matrices() const { return matrices_; }
  // Decoding it first is better for products of more rows.
  int64_t max_tokens() const { return max_tokens_; }

 private:
  std::array<EncodedMatrix, 3> encoded_;
  std::array<std::vector<WeightException>, 3> exceptions_;
  ExpertMatrices matrices_;
  int64_t max_tokens_ = 0;
};

}  // namespace ebb
