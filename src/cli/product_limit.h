// How fast this machine multiplies the experts of a file from memory, when nothing else is to be
// done: the limit that the generation benchmark prints beside its figures.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "engine/encoded_expert.h"
#include "engine/expert_decoder.h"
#include "kernels/backend.h"
#include "packed/packed_source.h"

namespace ebb {

// Not thread-safe; its products use all threads of the pool.
class ProductLimit {
 public:
  // Loads some experts of the file, more than the caches hold if it has as many. `packed` and
  // `pool` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<ProductLimit>> Open(const PackedSource& packed,
                                                                  const ThreadPool& pool);

  // Multiplies all of them once with each number of rows.
  void Measure();

  // Of products with so many rows of activations, from the medians of all measurements; numbers
  // between those that are measured are interpolated.
  [[nodiscard]] double SecondsPerWeight(double rows) const;

 private:
  struct Expert {
    AlignedArray<std::byte> bytes;
    std::unique_ptr<EncodedExpert> encoded;
    std::unique_ptr<ExpertSlot> decoded;
    ExpertMatrices matrices;
  };

  explicit ProductLimit(const ThreadPool& pool) : backend_(MakeCpuBackend(pool)) {}

  std::unique_ptr<Backend> backend_;
  std::vector<Expert> experts_;
  double weights_ = 0;
  std::vector<float> x_;
  std::vector<float> y_;
  std::vector<std::vector<double>> seconds_;  // a weight, by number of rows and run
};

}  // namespace ebb
