#include "codec/statistics.h"

#include <cmath>

#include "codec/value_groups.h"

namespace ebb {

void CodeHistogram::AddOne(int32_t code) {
  if (code >= -kDense && code < kDense) [[likely]] {
    ++dense_[static_cast<size_t>(code + kDense)];
  } else {
    ++others_[code];
  }
}

void CodeHistogram::Add(std::span<const int32_t> codes) {
  count_ += codes.size();
  constexpr size_t kFew = 16 * 1024;
  if (codes.size() <= kFew) {
    for (const int32_t code : codes) AddOne(code);
    return;
  }
  ValueCounter<2 * kDense> counter(0);
  counter.Add(codes);
  const auto bins = counter.Take();
  for (size_t i = 1; i + 1 < bins.size(); ++i) dense_[i] += bins[i];
  if (bins.front() + bins.back() == 0) return;
  for (const int32_t code : codes) {  // the outermost bins also hold all that lies beyond
    if (code <= -kDense || code >= kDense - 1) AddOne(code);
  }
}

void CodeHistogram::Add(const CodeHistogram& other) {
  for (size_t i = 0; i < dense_.size(); ++i) dense_[i] += other.dense_[i];
  for (const auto& [code, count] : other.others_) others_[code] += count;
  count_ += other.count_;
}

double CodeHistogram::EntropyBits() const {
  if (count_ == 0) return 0;
  const auto total = static_cast<double>(count_);
  double bits = 0;
  const auto add = [&](uint64_t count) {
    if (count == 0) return;
    const double share = static_cast<double>(count) / total;
    bits -= share * std::log2(share);
  };
  for (const uint64_t count : dense_) add(count);
  for (const auto& [code, count] : others_) add(count);
  return bits;
}

}  // namespace ebb
