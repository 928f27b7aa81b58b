// A Hugging Face checkpoint folder as a WeightSource.
//
// The folder holds config.json, and either model.safetensors or model.safetensors.index.json with
// the shards that it names. Opening reads the headers only; weights are read by pread when they are
// asked for, and are never mapped or held. Experts may be stored one by one or fused
// (tensor_layout.h); they are always offered as one 2-D tensor each.
//
// Opening checks that every tensor that the architecture wants is there with the right shape and a
// dtype of F32, F16 or BF16, and that no tensor is there which it does not know: a bias or a norm
// that would be left out silently makes another model. Known to be harmless, and stepped over:
// rotary_emb.inv_freq, multi-token-prediction layers (num_nextn_predict_layers), tensors without
// elements, and an lm_head that equals a tied embedding.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arch/weight_source.h"
#include "base/error.h"

namespace ebb {

[[nodiscard]] Result<std::unique_ptr<WeightSource>> OpenCheckpoint(const std::string& folder);

// The names of the files in `folder` that OpenCheckpoint reads, in rising order: what the model is.
// Whatever else lies there is no part of it.
[[nodiscard]] Result<std::vector<std::string>> CheckpointFileNames(const std::string& folder);

}  // namespace ebb
