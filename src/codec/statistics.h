// The zeroth-order entropy of integer codes: what an ideal coder that knows nothing but their
// frequencies would spend.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace ebb {

class CodeHistogram {
 public:
  void Add(std::span<const int32_t> codes);
  void Add(const CodeHistogram& other);

  uint64_t count() const { return count_; }
  // Bits a code; 0 if there are none.
  double EntropyBits() const;

 private:
  void AddOne(int32_t code);

  static constexpr int32_t kDense = 2048;  // codes in [-kDense, kDense) are counted in an array
  std::vector<uint64_t> dense_ = std::vector<uint64_t>(2 * kDense);
  std::unordered_map<int32_t, uint64_t> others_;
  uint64_t count_ = 0;
};

}  // namespace ebb
