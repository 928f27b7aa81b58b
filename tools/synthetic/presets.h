// The config.json of models whose shapes are worth measuring, from what their makers published.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace ebb {

[[nodiscard]] std::vector<std::string> PresetNames();

// The config of "moonlight-16b-a3b" or "mixtral-8x7b", with its first `layers` layers or all.
[[nodiscard]] Result<OrderedJson> PresetConfig(const std::string& name,
                                               std::optional<int> layers = std::nullopt);

}  // namespace ebb
