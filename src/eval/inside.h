// What error in experts does inside a model: how far each layer's residual stream drifts from the
// reference's on the same tokens, where the router chooses other experts, and how much of a layer's
// output the changed experts carry. docs/eval.md has the formulas.
//
// Sums are float64 and in the order of the tokens, whatever the batch and the threads.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "arch/ids.h"
#include "arch/model_config.h"
#include "base/error.h"
#include "model/observer.h"
#include "stats/proportions.h"

namespace ebb {

// Sums over the scored positions of a text, in one layer.
struct InsideSums {
  double drift = 0;    // of |h' - h| / |h|, h the residual stream after the layer
  int64_t flips = 0;   // positions whose set of chosen experts is another
  double carried = 0;  // of |y_P| / (|y_P| + |y - y_P|), y_P what the changed experts gave
};

// A text's share. Put together the items of several processes to get what one would have found.
struct InsideItem {
  std::string id;
  int64_t tokens = 0;              // scored positions
  std::vector<InsideSums> layers;  // of all layers of the model, dense ones too
};

// Means over positions, with 95 % intervals: bootstrap over items.
struct InsideLayer {
  LayerId layer;
  bool has_experts = false;  // else only the drift means anything
  Estimate drift;
  Estimate flips;
  Estimate carried;
};

// kInvalidArgument without any scored position.
[[nodiscard]] Result<std::vector<InsideLayer>> SummariseInside(std::span<const InsideItem> items,
                                                               const ModelConfig& config);

// Compares two runs of the same rows: watch the reference's pass with reference(), then the model's
// pass over the same rows with model(), then Take. It keeps the reference's residual streams of
// one pass: rows x layers x hidden x 4 bytes. Not thread-safe.
class InsideMeter {
 public:
  // `changed`: the experts whose weights are others in the model.
  InsideMeter(const ModelConfig& config, std::span<const ExpertKey> changed);
  ~InsideMeter();

  // Whether two models can be compared layer by layer.
  [[nodiscard]] static Status CheckShapes(const ModelConfig& model, const ModelConfig& reference);

  ForwardObserver* reference();
  ForwardObserver* model();

  // Adds what the passes since the last call gave; row r belongs to items[origins[r]].
  void Take(std::span<const size_t> origins, std::span<InsideItem> items);

 private:
  struct Recording;
  class Reference;
  class Model;

  std::unique_ptr<Recording> recording_;
  std::unique_ptr<Reference> reference_;
  std::unique_ptr<Model> model_;
};

}  // namespace ebb
