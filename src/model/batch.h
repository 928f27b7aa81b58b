// One step's work: rows of tokens, each at a position of its sequence, and the sequences that have
// failed on the way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "model/kv_cache.h"

namespace ebb {

// Rows of one sequence stand in rising order without gaps and start at cache->length(); rows of
// different sequences may be mixed in any way: a prefill chunk is many rows, decoding one.
struct BatchRow {
  int32_t token = 0;
  int64_t position = 0;
  KvCache* cache = nullptr;  // the sequence
  bool wants_logits = false;
  bool wants_hidden = false;  // the residual stream after the final norm
};

// A sequence that could not go on, because an expert or an embedding row that it needed could not
// be had. Its cache holds again what it held before the step.
struct SequenceFailure {
  KvCache* cache = nullptr;
  Error error;
};

// The rows of a step and which of them are still alive. Not thread-safe.
class Step {
 public:
  void Start(std::span<const BatchRow> rows) {
    rows_ = rows;
    active_.assign(rows.size(), 1);
    failures_.clear();
  }

  std::span<const BatchRow> rows() const { return rows_; }
  int64_t count() const { return static_cast<int64_t>(rows_.size()); }
  bool IsActive(int64_t row) const { return active_[static_cast<size_t>(row)] != 0; }
  bool AnyActive() const { return std::ranges::find(active_, 1) != active_.end(); }
  std::span<const SequenceFailure> failures() const { return failures_; }

  // Ends the row's sequence: all rows of it. Only its first error is kept.
  void Fail(int64_t row, const Error& error) {
    if (!IsActive(row)) return;
    KvCache* cache = rows_[static_cast<size_t>(row)].cache;
    failures_.push_back({cache, error});
    for (size_t t = 0; t < rows_.size(); ++t) {
      if (rows_[t].cache == cache) active_[t] = 0;
    }
  }

 private:
  std::span<const BatchRow> rows_;
  std::vector<uint8_t> active_;
  std::vector<SequenceFailure> failures_;
};

}  // namespace ebb
