#include "text/json_fields.h"

#include <algorithm>
#include <cstring>

#include "text/utf8.h"

namespace ebb {

Status CheckKeys(const Json& object, std::initializer_list<const char*> allowed,
                 const std::string& where) {
  if (!object.is_object()) return MakeError(ErrorCode::kCorrupt, where, "not a JSON object");
  for (const auto& [key, value] : object.items()) {
    const bool known =
        std::any_of(allowed.begin(), allowed.end(), [&](const char* name) { return key == name; });
    if (!known) return MakeError(ErrorCode::kUnsupported, where, "unknown key \"{}\"", key);
  }
  return {};
}

Result<std::string> GetType(const Json& object, const std::string& where) {
  return GetString(object, "type", where);
}

Result<const Json*> GetArray(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) return MakeError(ErrorCode::kCorrupt, where, "not a JSON object");
  const auto found = object.find(key);
  if (found == object.end()) return MakeError(ErrorCode::kCorrupt, where, "\"{}\" is missing", key);
  if (!found->is_array()) return MakeError(ErrorCode::kCorrupt, where, "\"{}\" is not a list", key);
  return &*found;
}

Result<std::string> GetCharacter(const Json& object, const char* key, const std::string& where) {
  EBB_TRY_ASSIGN(std::string text, GetString(object, key, where));
  if (text.empty() || ReadUtf8(text, 0).size_bytes != text.size()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"{}\" is not one character", key);
  }
  return text;
}

Result<Regex> GetPattern(const Json& object, const std::string& where) {
  const auto found = object.find("pattern");
  if (found == object.end() || !found->is_object() || found->size() != 1) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"pattern\" is neither {{\"String\": ...}} nor {{\"Regex\": ...}}");
  }
  const bool is_regex = found->contains("Regex");
  EBB_TRY_ASSIGN(const std::string text, GetString(*found, is_regex ? "Regex" : "String", where));
  return is_regex ? Regex::Compile(text, where) : Regex::Literal(text, where);
}

tl::unexpected<Error> UnknownComponent(const std::string& type, const char* kind,
                                       const std::string& where) {
  return MakeError(ErrorCode::kUnsupported, where, "{} \"{}\" is not supported", kind, type);
}

}  // namespace ebb
