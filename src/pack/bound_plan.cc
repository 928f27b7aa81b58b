#include "pack/bound_plan.h"

#include <algorithm>
#include <charconv>

#include "pack/like_bound.h"

namespace ebb {
namespace {

tl::unexpected<Error> Bad(const std::string& where, const std::string& problem) {
  return MakeError(ErrorCode::kCorrupt, where, "{}", problem);
}

std::optional<int32_t> ParseNumber(std::string_view text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The layer that a key names, if it has routed experts.
Result<LayerId> ParseLayer(std::string_view text, const ModelConfig& config,
                           const std::string& where) {
  const std::optional<int32_t> layer = ParseNumber(text);
  if (!layer || *layer < 0 || *layer >= config.num_layers || !config.IsMoeLayer(LayerId{*layer})) {
    return Bad(where,
               fmt::format(
                   "\"{}\" is no layer with routed experts; this model has them in layers {} to {}",
                   text, config.moe.first_dense_layers, config.num_layers - 1));
  }
  return LayerId{*layer};
}

Result<ErrorBound> BoundFrom(const Json& value, const std::string& where) {
  if (!value.is_string()) return Bad(where, "a bound is not a string");
  auto bound = ParseBoundOrLike(value.get_ref<const std::string&>());
  if (!bound) return tl::unexpected(std::move(bound).error().In(where));
  return bound;
}

}  // namespace

ErrorBound BoundPlan::BoundOf(const TensorSpec& tensor) const {
  if (!IsRoutedExpert(tensor.role)) {
    return tensor.shape.size() == 2 ? dense_bound : ErrorBound::Lossless();
  }
  if (const auto expert = experts.find({tensor.layer, tensor.expert}); expert != experts.end()) {
    return expert->second;
  }
  if (const auto layer = layers.find(tensor.layer); layer != layers.end()) return layer->second;
  return default_bound;
}

bool BoundPlan::AsksForLike() const {
  const auto like = [](const ErrorBound& bound) { return bound.kind == BoundKind::kLike; };
  const auto has_like = [&](const auto& entry) { return like(entry.second); };
  return like(default_bound) || std::any_of(layers.begin(), layers.end(), has_like) ||
         std::any_of(experts.begin(), experts.end(), has_like);
}

std::string BoundPlan::Fingerprint() const {
  std::string text = default_bound.ToString() + "|" + dense_bound.ToString();
  for (const auto& [layer, bound] : layers)
    text += fmt::format("|{}={}", layer.value, bound.ToString());
  for (const auto& [key, bound] : experts) {
    text += fmt::format("|{}/{}={}", key.layer.value, key.expert.value, bound.ToString());
  }
  return text;
}

Status ReadBoundPlan(const Json& json, const ModelConfig& config, const std::string& where,
                     BoundPlan* plan) {
  EBB_TRY_ASSIGN(const int64_t version, GetInt(json, "version", 0, INT64_MAX, where));
  if (version != 1) {
    return MakeError(ErrorCode::kUnsupported, where,
                     "plan version {}; this program reads version 1", version);
  }
  for (const auto& [key, value] : json.items()) {
    if (key == "default") {
      EBB_TRY_ASSIGN(plan->default_bound, BoundFrom(value, where));
    } else if (key == "dense") {
      EBB_TRY_ASSIGN(plan->dense_bound, BoundFrom(value, where));
    } else if (key == "layers" || key == "experts") {
      if (!value.is_object()) return Bad(where, fmt::format("\"{}\" is not an object", key));
    } else if (key != "version") {
      return Bad(where, fmt::format("unknown key \"{}\"", key));
    }
  }
  if (const auto layers = json.find("layers"); layers != json.end()) {
    for (const auto& [key, value] : layers->items()) {
      EBB_TRY_ASSIGN(const LayerId layer, ParseLayer(key, config, where));
      EBB_TRY_ASSIGN(plan->layers[layer], BoundFrom(value, where));
    }
  }
  if (const auto experts = json.find("experts"); experts != json.end()) {
    for (const auto& [key, value] : experts->items()) {
      const size_t slash = key.find('/');
      if (slash == std::string::npos)
        return Bad(where, fmt::format("\"{}\" is not LAYER/EXPERT", key));
      EBB_TRY_ASSIGN(const LayerId layer,
                     ParseLayer(std::string_view(key).substr(0, slash), config, where));
      const std::optional<int32_t> expert = ParseNumber(std::string_view(key).substr(slash + 1));
      if (!expert || *expert < 0 || *expert >= config.moe.num_experts) {
        return Bad(where, fmt::format("\"{}\": layer {} has experts 0 to {}", key, layer.value,
                                      config.moe.num_experts - 1));
      }
      EBB_TRY_ASSIGN(plan->experts[(ExpertKey{layer, ExpertId{*expert}})], BoundFrom(value, where));
    }
  }
  return {};
}

}  // namespace ebb
