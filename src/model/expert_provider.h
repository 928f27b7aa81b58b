// Where the routed experts of a layer come from: memory, a cache in front of a file, or a study
// that changes them. The forward pass asks for the experts that its batch needs, and takes them in
// whatever order they become ready; its results do not depend on that order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/ids.h"
#include "base/error.h"
#include "kernels/matrix.h"

namespace ebb {

// gate, up: [intermediate, hidden]; down: [hidden, intermediate].
struct ExpertMatrices {
  WeightMatrix gate;
  WeightMatrix up;
  WeightMatrix down;

  // Whether a product found that the encoded bytes of a matrix are damaged.
  bool IsCorrupt() const {
    const auto is_corrupt = [](const WeightMatrix& w) {
      return w.format == WeightFormat::kEncoded8 && w.encoded().is_corrupt;
    };
    return is_corrupt(gate) || is_corrupt(up) || is_corrupt(down);
  }
};

// An expert that a batch needs, and how many of its rows want it.
struct ExpertDemand {
  ExpertId expert;
  int64_t rows = 0;
};

// An expert that is ready, or the reason why it never will be.
struct ExpertGrant {
  ExpertId expert;
  Result<ExpertMatrices> matrices;
};

// For one forward pass at a time.
class ExpertProvider {
 public:
  virtual ~ExpertProvider() = default;

  // Says which experts the batch needs from `layer`, each once, in rising order; reads may start
  // now. Every expert of the layer before has been released.
  virtual void Begin(LayerId layer, std::span<const ExpertDemand> demands) = 0;

  // Waits until at least one more of them is ready or has failed, and gives all that are. Called
  // until each has been given once. The span is valid until the next call, the matrices until
  // Release, which the caller calls for every expert that it was given, also for a failed one,
  // before it calls Next() again: so a provider needs room for one expert only.
  [[nodiscard]] virtual std::span<const ExpertGrant> Next() = 0;
  virtual void Release(ExpertId expert) = 0;
};

}  // namespace ebb
