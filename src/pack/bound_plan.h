// Which bound each tensor gets: one default, and a plan of exceptions by layer and expert.
#pragma once

#include <map>
#include <string>

#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/json.h"
#include "codec/bound.h"

namespace ebb {

// An expert's own bound goes before its layer's, that before the default. Tensors that are not
// routed experts have the dense bound; of those, 1-D ones (norms, biases) are always lossless: they
// are a few thousandths of the bytes, and their errors multiply whole rows.
struct BoundPlan {
  ErrorBound default_bound = ErrorBound::Relative(0.2);
  ErrorBound dense_bound = ErrorBound::Lossless();
  std::map<LayerId, ErrorBound> layers;
  std::map<ExpertKey, ErrorBound> experts;

  [[nodiscard]] ErrorBound BoundOf(const TensorSpec& tensor) const;

  // Whether some routed expert has a bound like:CODEC.
  [[nodiscard]] bool AsksForLike() const;

  // One line that says it all: part of the key of a resumable conversion.
  [[nodiscard]] std::string Fingerprint() const;
};

// Reads plan.json: {"version": 1, "default": "rel:0.2", "dense": "lossless", "layers": {"9":
// "rel:0.05"}, "experts": {"13/25": "rel:0.02"}}; bounds as ParseBoundOrLike reads them. All but
// version may be left out, then `plan` keeps what it has. Layers and experts must be routed experts
// of `config`.
[[nodiscard]] Status ReadBoundPlan(const Json& json, const ModelConfig& config,
                                   const std::string& where, BoundPlan* plan);

}  // namespace ebb
