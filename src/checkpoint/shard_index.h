// model.safetensors.index.json: which of a checkpoint's shards holds which tensor.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace ebb {

// Tensor name -> file name. File names are plain: they cannot lead out of the checkpoint's folder.
using ShardMap = std::map<std::string, std::string>;

[[nodiscard]] Result<ShardMap> ParseShardIndex(const Json& json, const std::string& where);

}  // namespace ebb
