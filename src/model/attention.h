// Attention of one layer: from the normed rows to what is added to the residual stream. Keys and
// values of the rows go into their sequences' caches first, so that rows of one prefill chunk see
// each other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/batch.h"
#include "model/buffers.h"
#include "model/weights.h"

namespace ebb {

// Not thread-safe (it keeps lists that it fills for every layer).
class Attention {
 public:
  virtual ~Attention() = default;

  // y = attention(x) for the rows of `step`, whose caches hold room for their positions.
  virtual void Run(LayerId layer, const LayerWeights& weights, const Step& step, ConstRows x,
                   Rows y) = 0;
};

// Latent attention or grouped-query attention, as the config says. `buffers` must outlive it.
[[nodiscard]] std::unique_ptr<Attention> MakeAttention(const ModelConfig& config,
                                                       const Backend& backend,
                                                       const Buffers& buffers);

[[nodiscard]] std::unique_ptr<Attention> MakeMlaAttention(const ModelConfig& config,
                                                          const Backend& backend,
                                                          const Buffers& buffers);
[[nodiscard]] std::unique_ptr<Attention> MakeGqaAttention(const ModelConfig& config,
                                                          const Backend& backend,
                                                          const Buffers& buffers);

}  // namespace ebb
