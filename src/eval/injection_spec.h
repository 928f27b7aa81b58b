// Which error goes into which experts, as a user writes it: CODEC,BOUND,key=value...
//
//   noise:normal,rel:0.5,layers=9-18,experts=top1,seed=3
//   sz3:nopred,rel:0.2,experts=all
//   randomise,layers=1,experts=0,3,5-7
//   ebb:fast+dither,rel:0.5,seed=3
//
// docs/eval.md describes every part. Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/model_config.h"
#include "base/error.h"
#include "codec/bound.h"
#include "codec/codec.h"

namespace ebb {

// Experts of one layer.
struct ExpertSelection {
  enum class Kind : uint8_t {
    kAll,
    kIds,
    kTop,     // the `count` that the router chooses most often; equal counts: the lower id
    kRandom,  // `count` different ones, drawn with the injection's seed and the layer
  };
  Kind kind = Kind::kAll;
  std::vector<int32_t> ids;  // kIds: rising, each once
  int32_t count = 0;         // kTop, kRandom
};

struct InjectionSpec {
  std::string text;              // as it was written
  const Codec* codec = nullptr;  // null: randomise, which has no bound
  ErrorBound bound;
  // Each matrix is moved by an amount from U(-e, e) before it is encoded, and back when it is
  // decoded: a rounding of its own for each seed, under the same bound.
  bool dither = false;
  std::vector<int32_t> layers;  // rising, each once; empty: all layers with routed experts
  ExpertSelection experts;      // of each of the layers
  uint64_t seed = 0;
};

// A mistake is kInvalidArgument, in one line that says what would be right; a codec that this
// machine lacks is kUnsupported.
[[nodiscard]] Result<InjectionSpec> ParseInjection(std::string_view text);

// Whether the model has the layers and experts that the specification names.
[[nodiscard]] Status CheckInjection(const InjectionSpec& spec, const ModelConfig& config);

}  // namespace ebb
