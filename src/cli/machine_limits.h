// What this machine can do at most: the limits that benchmarks print beside their figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ebb {

// Reads memory that is far larger than any cache, on one core.
class RamReader {
 public:
  RamReader();

  // One pass; bytes a second.
  [[nodiscard]] double Measure();

 private:
  std::vector<uint64_t> memory_;
};

// "AMD EPYC, 2 processors, avx512": what a figure was measured on.
[[nodiscard]] std::string MachineName();

[[nodiscard]] double MedianOf(std::vector<double> values);

}  // namespace ebb
