#include "text/model_files.h"

namespace ebb {

Result<Json> ParseModelFile(const std::map<std::string, std::string>& files,
                            const std::string& name) {
  const auto found = files.find(name);
  if (found == files.end()) return Json::object();
  EBB_TRY_ASSIGN(Json json, ParseJson(found->second, name));
  if (!json.is_object()) return MakeError(ErrorCode::kCorrupt, name, "not a JSON object");
  return json;
}

Result<std::optional<std::string>> GetTokenText(const Json& config, const char* key,
                                                const std::string& where) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (found->is_object()) {
    EBB_TRY_ASSIGN(std::string content, GetString(*found, "content", where));
    return content;
  }
  EBB_TRY_ASSIGN(std::string token, GetString(config, key, where));
  return token;
}

}  // namespace ebb
