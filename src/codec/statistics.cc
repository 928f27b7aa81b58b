#include "codec/statistics.h"

#include <cmath>

namespace ebb {

void CodeHistogram::AddOne(int32_t code, std::vector<uint64_t>* dense) {
  if (code >= -kDense && code < kDense) [[likely]] {
    ++(*dense)[static_cast<size_t>(code + kDense)];
  } else {
    ++others_[code];
  }
}

void CodeHistogram::Add(std::span<const int32_t> codes) {
  count_ += codes.size();
  constexpr size_t kFew = 16 * 1024;
  if (codes.size() <= kFew) {
    for (const int32_t code : codes) AddOne(code, &dense_);
    return;
  }
  // Four histograms in turn, because neighbouring equal codes would wait for each other's
  // increments.
  std::vector<std::vector<uint64_t>> parts(4, std::vector<uint64_t>(dense_.size()));
  for (size_t i = 0; i < codes.size(); ++i) AddOne(codes[i], &parts[i % 4]);
  for (const auto& part : parts) {
    for (size_t i = 0; i < part.size(); ++i) dense_[i] += part[i];
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
