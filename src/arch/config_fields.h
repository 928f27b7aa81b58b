// What the architectures' config.json files have in common: limits, rotary embedding, refusals.
// Internal to arch/.
//
// Fields follow transformers 5.23: each that changes the forward pass is either read, or has one
// value that Ebb runs and is refused by name with any other. A field whose default differs between
// transformers and the models' own code (n_group, norm_topk_prob, rope_theta, ...) must be given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "arch/model_config.h"
#include "base/error.h"
#include "base/json.h"

namespace ebb::arch {

// Limits far beyond any model, and low enough that no product of two of them (the elements of a
// tensor) or the number of tensors of a model can overflow or exhaust the memory.
inline constexpr int64_t kMaxVocab = int64_t{1} << 24;
inline constexpr int64_t kMaxWidth = int64_t{1} << 20;  // hidden and intermediate sizes, ranks
inline constexpr int64_t kMaxHeads = int64_t{1} << 12;
inline constexpr int64_t kMaxHeadDim = int64_t{1} << 14;
inline constexpr int64_t kMaxLayers = int64_t{1} << 10;
inline constexpr int64_t kMaxExperts = int64_t{1} << 12;       // of one layer
inline constexpr int64_t kMaxModelExperts = int64_t{1} << 17;  // of all layers
inline constexpr int64_t kMaxPositions = int64_t{1} << 31;

// The fields that every decoder has. Refuses what changes the forward pass of any of them
// (quantization_config, another activation, attention biases, ...).
[[nodiscard]] Result<ModelConfig> ParseCommon(const Json& json, const std::string& where);

// rope_theta with rope_scaling (transformers 4), or rope_parameters (transformers 5), for heads of
// `rotary_dim` rotated elements. YaRN is refused unless `allow_yarn`.
[[nodiscard]] Result<RopeConfig> ParseRope(const Json& json, bool allow_yarn,
                                           const std::string& where);

// Checks that the routed experts are sane in themselves: top-k within the experts, all layers'
// experts within kMaxModelExperts, at least one layer with experts.
[[nodiscard]] Status CheckMoe(const ModelConfig& config, const std::string& where);

// A value from the file as an error shows it: JSON on one line, shortened.
[[nodiscard]] std::string Printed(const Json& value);

// kUnsupported unless `key` is absent, null or `expected`.
[[nodiscard]] Status RefuseUnless(const Json& json, const char* key, const Json& expected,
                                  const std::string& where);

// kCorrupt unless `key` is absent, null or the integer `expected`, which `meaning` explains.
[[nodiscard]] Status CheckDerived(const Json& json, const char* key, int64_t expected,
                                  const char* meaning, const std::string& where);

// GetInt, or nothing when `key` is absent or null.
[[nodiscard]] Result<std::optional<int64_t>> GetOptionalInt(const Json& json, const char* key,
                                                            int64_t min, int64_t max,
                                                            const std::string& where);

// GetBool of a key that may be absent but not null, which transformers would take for false.
[[nodiscard]] Result<bool> GetFlag(const Json& json, const char* key, const std::string& where,
                                   std::optional<bool> fallback = std::nullopt);

}  // namespace ebb::arch
