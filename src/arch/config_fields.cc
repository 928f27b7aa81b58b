#include "arch/config_fields.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ebb::arch {
namespace {

constexpr double kMaxTheta = 1e12;

bool IsAbsent(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null();
}

// bos_token_id and eos_token_id hold one id, a list of them, or null. An id outside of the
// vocabulary (negative in some files) can neither be read nor generated, and is left out.
Result<std::vector<int64_t>> ParseTokenIds(const Json& json, const char* key, int64_t vocab_size,
                                           const std::string& where) {
  std::vector<int64_t> ids;
  if (IsAbsent(json, key)) return ids;
  const Json& value = json[key];
  const Json list = value.is_array() ? value : Json::array({value});
  constexpr size_t kMaxIds = 4096;
  for (const Json& id : list) {
    if (!id.is_number_integer() || list.size() > kMaxIds) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "\"{}\" is {}; expected a token id or a list of them", key, Printed(value));
    }
    if (id >= 0 && id < vocab_size) ids.push_back(id.get<int64_t>());
  }
  return ids;
}

// The parts of RopeConfig that one JSON object holds, whichever spelling it has.
Status CheckRopeKeys(const Json& rope, std::string_view type, const std::string& where) {
  constexpr std::array<std::string_view, 4> kAlways = {"rope_type", "type", "rope_theta",
                                                       "partial_rotary_factor"};
  constexpr std::array<std::string_view, 8> kYarn = {
      "factor",           "original_max_position_embeddings",
      "attention_factor", "beta_fast",
      "beta_slow",        "mscale",
      "mscale_all_dim",   "truncate"};
  for (const auto& [key, value] : rope.items()) {
    if (std::ranges::find(kAlways, key) != kAlways.end()) continue;
    if (std::ranges::find(kYarn, key) != kYarn.end()) {
      // Without scaling these have nothing to act on: a default type that carries them is the file
      // of a model that was meant to be scaled.
      if (type == "yarn" || value.is_null()) continue;
      return MakeError(ErrorCode::kUnsupported, where,
                       "\"{}\" needs \"rope_type\" to be \"yarn\", not \"{}\"", key, type);
    }
    return MakeError(ErrorCode::kUnsupported, where, "{} is not a rope setting that Ebb knows",
                     Printed(key));
  }
  return {};
}

Result<YarnScaling> ParseYarn(const Json& rope, int64_t max_positions, const std::string& where) {
  YarnScaling yarn;
  EBB_TRY_ASSIGN(yarn.factor, GetNumber(rope, "factor", 1, 1e6, where));
  // As in transformers, 0 stands for the default of a beta and for "not given" of an mscale.
  EBB_TRY_ASSIGN(const double beta_fast, GetNumber(rope, "beta_fast", 0, 1e6, where, 0));
  EBB_TRY_ASSIGN(const double beta_slow, GetNumber(rope, "beta_slow", 0, 1e6, where, 0));
  if (beta_fast != 0) yarn.beta_fast = beta_fast;
  if (beta_slow != 0) yarn.beta_slow = beta_slow;
  if (yarn.beta_fast < yarn.beta_slow) {
    return MakeError(ErrorCode::kCorrupt, where, "\"beta_fast\" is {}, below \"beta_slow\", {}",
                     yarn.beta_fast, yarn.beta_slow);
  }
  EBB_TRY_ASSIGN(yarn.mscale, GetNumber(rope, "mscale", 0, 100, where, 0));
  EBB_TRY_ASSIGN(yarn.mscale_all_dim, GetNumber(rope, "mscale_all_dim", 0, 100, where, 0));
  if (!IsAbsent(rope, "attention_factor")) {
    EBB_TRY_ASSIGN(yarn.attention_factor, GetNumber(rope, "attention_factor", 1e-6, 1e6, where));
  }
  EBB_TRY_ASSIGN(yarn.original_max_positions, GetInt(rope, "original_max_position_embeddings", 1,
                                                     kMaxPositions, where, max_positions));
  EBB_TRY_ASSIGN(yarn.truncate, GetFlag(rope, "truncate", where, true));
  return yarn;
}

}  // namespace

std::string Printed(const Json& value) {
  constexpr size_t kMaxPrinted = 60;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxPrinted) text = text.substr(0, kMaxPrinted) + "...";
  return text;
}

Status RefuseUnless(const Json& json, const char* key, const Json& expected,
                    const std::string& where) {
  if (IsAbsent(json, key) || json[key] == expected) return {};
  if (expected.is_null()) {
    return MakeError(ErrorCode::kUnsupported, where, "\"{}\" is not supported", key);
  }
  return MakeError(ErrorCode::kUnsupported, where, "\"{}\" is {}; only {} is supported", key,
                   Printed(json[key]), expected.dump());
}

Status CheckDerived(const Json& json, const char* key, int64_t expected, const char* meaning,
                    const std::string& where) {
  if (IsAbsent(json, key) || json[key] == expected) return {};
  return MakeError(ErrorCode::kCorrupt, where, "\"{}\" is {}; expected {}, {}", key,
                   Printed(json[key]), expected, meaning);
}

Result<std::optional<int64_t>> GetOptionalInt(const Json& json, const char* key, int64_t min,
                                              int64_t max, const std::string& where) {
  if (IsAbsent(json, key)) return std::nullopt;
  return GetInt(json, key, min, max, where);
}

Result<bool> GetFlag(const Json& json, const char* key, const std::string& where,
                     std::optional<bool> fallback) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_null()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"{}\" is not true or false", key);
  }
  return GetBool(json, key, where, fallback);
}

Result<ModelConfig> ParseCommon(const Json& json, const std::string& where) {
  if (!IsAbsent(json, "quantization_config")) {
    return MakeError(ErrorCode::kUnsupported, where,
                     "\"quantization_config\" is not supported: Ebb compresses F32, F16 and BF16 "
                     "weights, so take the unquantised checkpoint");
  }
  EBB_TRY(RefuseUnless(json, "per_layer_config", nullptr, where));
  EBB_TRY(RefuseUnless(json, "hidden_act", "silu", where));
  EBB_TRY(RefuseUnless(json, "attention_bias", false, where));
  EBB_TRY(RefuseUnless(json, "is_encoder_decoder", false, where));
  EBB_TRY(RefuseUnless(json, "add_cross_attention", false, where));

  ModelConfig config;
  EBB_TRY_ASSIGN(config.vocab_size, GetInt(json, "vocab_size", 1, kMaxVocab, where));
  EBB_TRY_ASSIGN(config.hidden_size, GetInt(json, "hidden_size", 1, kMaxWidth, where));
  EBB_TRY_ASSIGN(config.num_layers, GetInt(json, "num_hidden_layers", 1, kMaxLayers, where));
  EBB_TRY_ASSIGN(config.num_heads, GetInt(json, "num_attention_heads", 1, kMaxHeads, where));
  EBB_TRY_ASSIGN(config.rms_norm_eps, GetNumber(json, "rms_norm_eps", 0, 1, where));
  EBB_TRY_ASSIGN(config.max_positions,
                 GetInt(json, "max_position_embeddings", 1, kMaxPositions, where));
  EBB_TRY_ASSIGN(config.tied_embeddings, GetFlag(json, "tie_word_embeddings", where, false));
  EBB_TRY_ASSIGN(const std::vector<int64_t> bos,
                 ParseTokenIds(json, "bos_token_id", config.vocab_size, where));
  if (!bos.empty()) config.bos_token = bos.front();
  EBB_TRY_ASSIGN(config.eos_tokens, ParseTokenIds(json, "eos_token_id", config.vocab_size, where));
  return config;
}

Result<RopeConfig> ParseRope(const Json& json, bool allow_yarn, const std::string& where) {
  const bool has_scaling = !IsAbsent(json, "rope_scaling");
  const bool has_parameters = !IsAbsent(json, "rope_parameters");
  if (has_scaling && has_parameters && json["rope_scaling"] != json["rope_parameters"]) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"rope_scaling\" and \"rope_parameters\" contradict each other");
  }
  const char* spelling = has_scaling ? "rope_scaling" : "rope_parameters";
  const std::string inner = where + ": " + spelling;
  const Json rope = has_scaling || has_parameters ? json[spelling] : Json::object();
  if (!rope.is_object()) return MakeError(ErrorCode::kCorrupt, inner, "not a JSON object");

  EBB_TRY_ASSIGN(const std::string old_type, GetString(rope, "type", inner, "default"));
  EBB_TRY_ASSIGN(const std::string type, GetString(rope, "rope_type", inner, old_type));
  if (!IsAbsent(rope, "type") && type != old_type) {
    return MakeError(ErrorCode::kCorrupt, inner,
                     "\"type\" and \"rope_type\" contradict each other");
  }
  if (type != "default" && !(allow_yarn && type == "yarn")) {
    return MakeError(ErrorCode::kUnsupported, inner,
                     "the rope type {} is not supported for this architecture", Printed(type));
  }
  EBB_TRY(CheckRopeKeys(rope, type, inner));
  EBB_TRY(RefuseUnless(rope, "partial_rotary_factor", 1.0, inner));
  EBB_TRY(RefuseUnless(json, "partial_rotary_factor", 1.0, where));

  RopeConfig config;
  const bool theta_inside = !IsAbsent(rope, "rope_theta");
  if (theta_inside && !IsAbsent(json, "rope_theta") && json["rope_theta"] != rope["rope_theta"]) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"rope_theta\" contradicts the one inside of \"{}\"", spelling);
  }
  EBB_TRY_ASSIGN(config.theta, GetNumber(theta_inside ? rope : json, "rope_theta", 1.001, kMaxTheta,
                                         theta_inside ? inner : where));
  if (type == "yarn") {
    EBB_TRY_ASSIGN(const int64_t max_positions,
                   GetInt(json, "max_position_embeddings", 1, kMaxPositions, where));
    EBB_TRY_ASSIGN(config.yarn, ParseYarn(rope, max_positions, inner));
    EBB_TRY(CheckDerived(json, "original_max_position_embeddings",
                         config.yarn->original_max_positions, "the one that YaRN uses", where));
  }
  return config;
}

Status CheckMoe(const ModelConfig& config, const std::string& where) {
  const MoeConfig& moe = config.moe;
  if (moe.experts_per_token > moe.num_experts) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"num_experts_per_tok\" is {}, but a layer has {} experts",
                     moe.experts_per_token, moe.num_experts);
  }
  const int64_t moe_layers = config.num_layers - moe.first_dense_layers;
  if (moe_layers < 1) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"first_k_dense_replace\" is {}, which leaves none of {} layers with experts",
                     moe.first_dense_layers, config.num_layers);
  }
  if (moe_layers * moe.num_experts > kMaxModelExperts) {
    return MakeError(ErrorCode::kCorrupt, where, "{} layers of {} experts are more than {}",
                     moe_layers, moe.num_experts, kMaxModelExperts);
  }
  return {};
}

}  // namespace ebb::arch
