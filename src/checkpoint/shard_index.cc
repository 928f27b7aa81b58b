#include "checkpoint/shard_index.h"

#include "checkpoint/safetensors.h"

namespace ebb {
namespace {

bool IsPlainFileName(const std::string& name) {
  // "..": a name with dots only would be a folder, and the extension excludes those.
  return name.ends_with(".safetensors") && name.find('/') == std::string::npos &&
         name.find('\\') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

Result<ShardMap> ParseShardIndex(const Json& json, const std::string& where) {
  if (!json.is_object()) return MakeError(ErrorCode::kCorrupt, where, "not a JSON object");
  const auto weight_map = json.find("weight_map");
  if (weight_map == json.end() || !weight_map->is_object()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"weight_map\" is not an object");
  }
  if (weight_map->empty()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"weight_map\" names no tensors");
  }
  ShardMap map;
  for (const auto& [tensor, file] : weight_map->items()) {
    if (!file.is_string()) {
      return MakeError(ErrorCode::kCorrupt, where, "the file of the tensor {} is not a string",
                       QuotedName(tensor));
    }
    const auto& name = file.get_ref<const std::string&>();
    if (!IsPlainFileName(name)) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "the tensor {} is said to lie in {}, which is not the name of a "
                       ".safetensors file of this folder",
                       QuotedName(tensor), QuotedName(name));
    }
    map.emplace(tensor, name);
  }
  return map;
}

}  // namespace ebb
