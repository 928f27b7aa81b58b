#include "arch/model_config.h"

#include <array>

#include "arch/config_fields.h"
#include "arch/deepseek_v3.h"
#include "arch/mixtral.h"

namespace ebb {
namespace {

struct Known {
  Architecture architecture;
  std::string_view name;
  Result<ModelConfig> (*parse)(const Json& json, const std::string& where);
};

constexpr std::array<Known, 2> kKnown = {{
    {Architecture::kDeepseekV3, "DeepseekV3ForCausalLM", &arch::ParseDeepseekV3},
    {Architecture::kMixtral, "MixtralForCausalLM", &arch::ParseMixtral},
}};

std::string KnownNames() {
  std::string names;
  for (const Known& known : kKnown) {
    if (!names.empty()) names += ", ";
    names += known.name;
  }
  return names;
}

}  // namespace

std::string_view ArchitectureName(Architecture architecture) {
  for (const Known& known : kKnown) {
    if (known.architecture == architecture) return known.name;
  }
  return "unknown";
}

Result<ModelConfig> ParseModelConfig(const Json& config_json, const std::string& where) {
  if (!config_json.is_object()) {
    return MakeError(ErrorCode::kCorrupt, where, "not a JSON object");
  }
  const auto named = config_json.find("architectures");
  if (named == config_json.end() || !named->is_array() || named->size() != 1 ||
      !named->front().is_string()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"architectures\" is not a list of one name");
  }
  const std::string name = named->front().get<std::string>();
  for (const Known& known : kKnown) {
    if (name == known.name) return known.parse(config_json, where);
  }
  return MakeError(ErrorCode::kUnsupported, where,
                   "the architecture {} is not supported; known are {}", arch::Printed(name),
                   KnownNames());
}

}  // namespace ebb
