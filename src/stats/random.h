// The random numbers of resampling: the same on every machine (no library's distributions).
//
// Not thread-safe: a generator belongs to one computation.
#pragma once

#include <cstdint>

namespace ebb {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class ResamplingRandom {
 public:
  explicit ResamplingRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  // Uniform in [0, range), without bias (Lemire, ACM Trans. Model. Comput. Simul. 29, 2019).
  uint64_t Below(uint64_t range) {
    __extension__ using Wide = unsigned __int128;
    Wide product = static_cast<Wide>(Next()) * range;
    if (static_cast<uint64_t>(product) < range) {
      const uint64_t threshold = (0 - range) % range;
      while (static_cast<uint64_t>(product) < threshold) {
        product = static_cast<Wide>(Next()) * range;
      }
    }
    return static_cast<uint64_t>(product >> 64);
  }

 private:
  uint64_t state_;
};

}  // namespace ebb
