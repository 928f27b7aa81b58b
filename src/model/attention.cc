#include "model/attention.h"

namespace ebb {

std::unique_ptr<Attention> MakeAttention(const ModelConfig& config, const Backend& backend,
                                         const Buffers& buffers) {
  return config.mla ? MakeMlaAttention(config, backend, buffers)
                    : MakeGqaAttention(config, backend, buffers);
}

}  // namespace ebb
