// The small JSON files that travel with a model.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/json.h"

namespace ebb {

// The file's object, or an empty one when the file is not there.
[[nodiscard]] Result<Json> ParseModelFile(const std::map<std::string, std::string>& files,
                                          const std::string& name);

// A token of tokenizer_config.json, given as a string or as {"content": string, ...}; nothing when
// it is absent or null.
[[nodiscard]] Result<std::optional<std::string>> GetTokenText(const Json& config, const char* key,
                                                              const std::string& where);

}  // namespace ebb
