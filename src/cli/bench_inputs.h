// The weights that `ebb bench codec` measures on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace ebb {

// A matrix (or a vector: rows 1) among the weights of a scope.
struct BenchArray {
  uint64_t first = 0;
  uint64_t rows = 1;
  uint64_t cols = 0;
};

// Weights that share one bound.
struct BenchScope {
  std::vector<float> weights;
  std::vector<BenchArray> arrays;  // as other codecs get them: matrix by matrix
  std::vector<BenchArray>
      own_arrays;  // as Ebb's own codecs store them: a small expert is one piece
};

struct BenchInput {
  std::string name;
  std::vector<BenchScope> scopes;
  // Differential entropy in bits of the law that the weights were drawn from, row scales known.
  std::optional<double> law_entropy_bits;

  uint64_t weights() const;
  double mean_magnitude() const;
};

// "synthetic" (matrices of Moonlight's size, 1408 x 2048, of three laws), a .npy file, or the
// routed experts of a checkpoint (the first of them, about 16 M weights at most).
[[nodiscard]] Result<std::vector<BenchInput>> LoadBenchInputs(const std::string& input);

}  // namespace ebb
