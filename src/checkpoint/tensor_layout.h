// How a checkpoint's tensors lay out a model's: one stored tensor each, or the experts of a layer
// fused into 3-D tensors. Internal to checkpoint/.
//
// Accepted for a routed expert E of a layer (I the intermediate size, H the hidden size), with the
// name's end ".weight" optional for the 3-D ones:
//
//     experts.E.gate_proj.weight [I, H]   .up_proj [I, H]   .down_proj [H, I]     released
//     checkpoints experts.gate_up_proj [experts, 2 I, H]   experts.down_proj [experts, H, I]
//     transformers 5,
//         save_original_format=False; an expert's gate rows come before its up rows
//     experts.gate_proj [experts, I, H]   experts.up_proj   experts.down_proj
//
// Mixtral's own names of the three are w1, w3, w2, and its block_sparse_moe may be called mlp, as
// in transformers 5. Matrices stored transposed ([experts, in, out], as some other architectures
// do) are refused by their shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "arch/dtype.h"
#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/error.h"
#include "checkpoint/shards.h"

namespace ebb {

// Where the elements of one tensor of the model lie: row-major, without gaps.
struct TensorSlice {
  const StoredTensor* stored = nullptr;  // owned by the Shards
  DType dtype = DType::kF32;
  uint64_t offset = 0;  // from the start of the stored tensor's file
};

// Finds `spec`. The stored tensor must have a dtype that Ebb reads, and the shape that `spec`
// implies; else the error names its file and both shapes.
[[nodiscard]] Result<TensorSlice> FindTensor(const TensorSpec& spec, const MoeConfig& moe,
                                             const Shards& shards);

// Why a stored tensor that no TensorSpec uses may be left aside; nothing if it may not.
[[nodiscard]] std::optional<std::string_view> ReasonToIgnore(const StoredTensor& stored,
                                                             const ModelConfig& config);

}  // namespace ebb
