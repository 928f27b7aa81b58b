#include "base/json.h"

#include <cmath>
#include <set>
#include <vector>

#include "base/file.h"

namespace ebb {
namespace {

constexpr int kMaxDepth = 64;

// Thrown out of the parser's callback and caught in ParseJson.
struct Refused {
  std::string why;
};

Error KeyError(const char* key, const std::string& where, const std::string& problem) {
  return Error{ErrorCode::kCorrupt, fmt::format("\"{}\" {}", key, problem), where};
}

// The value at `key`, or null when it is absent.
Result<const Json*> Find(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) return MakeError(ErrorCode::kCorrupt, where, "not a JSON object");
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

template <typename T, typename Convert>
Result<T> GetAs(const Json& object, const char* key, const std::string& where,
                const std::optional<T>& fallback, const char* type, Convert convert) {
  EBB_TRY_ASSIGN(const Json* value, Find(object, key, where));
  if (value == nullptr) {
    if (fallback) return *fallback;
    return tl::unexpected(KeyError(key, where, "is missing"));
  }
  std::optional<T> converted = convert(*value);
  if (!converted) return tl::unexpected(KeyError(key, where, fmt::format("is not {}", type)));
  return *std::move(converted);
}

}  // namespace

Result<Json> ParseJson(std::string_view text, const std::string& where) {
  // The parser takes a NUL for the end of the text.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return MakeError(ErrorCode::kCorrupt, where, "bad JSON at byte {}", nul + 1);
  }
  std::vector<std::set<std::string>> keys_by_depth;
  const auto callback = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) throw Refused{fmt::format("nested deeper than {} levels", kMaxDepth)};
    if (event == Json::parse_event_t::object_start) {
      keys_by_depth.resize(static_cast<size_t>(depth) + 1);
      keys_by_depth.back().clear();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_by_depth[static_cast<size_t>(depth) - 1].insert(key).second) {
        throw Refused{fmt::format("the key {} occurs twice", Json(key).dump())};
      }
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), callback);
  } catch (const Refused& refused) {
    return MakeError(ErrorCode::kCorrupt, where, "bad JSON: {}", refused.why);
  } catch (const Json::parse_error& error) {
    return MakeError(ErrorCode::kCorrupt, where, "bad JSON at byte {}", error.byte);
  } catch (const Json::exception& error) {
    return MakeError(ErrorCode::kCorrupt, where, "bad JSON: {}", error.what());
  }
}

Result<Json> ReadJsonFile(const std::string& path, uint64_t max_bytes) {
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(path, max_bytes));
  return ParseJson(text, path);
}

Result<int64_t> GetInt(const Json& object, const char* key, int64_t min, int64_t max,
                       const std::string& where, std::optional<int64_t> fallback) {
  EBB_TRY_ASSIGN(const int64_t value,
                 GetAs<int64_t>(object, key, where, fallback, "an integer",
                                [](const Json& json) -> std::optional<int64_t> {
                                  if (json.is_number_unsigned()) {
                                    const uint64_t number = json.get<uint64_t>();
                                    if (number > static_cast<uint64_t>(INT64_MAX))
                                      return std::nullopt;
                                    return static_cast<int64_t>(number);
                                  }
                                  if (json.is_number_integer()) return json.get<int64_t>();
                                  return std::nullopt;
                                }));
  if (value < min || value > max) {
    return tl::unexpected(
        KeyError(key, where, fmt::format("is {}; expected {} to {}", value, min, max)));
  }
  return value;
}

Result<double> GetNumber(const Json& object, const char* key, double min, double max,
                         const std::string& where, std::optional<double> fallback) {
  EBB_TRY_ASSIGN(const double value, GetAs<double>(object, key, where, fallback, "a number",
                                                   [](const Json& json) -> std::optional<double> {
                                                     if (!json.is_number()) return std::nullopt;
                                                     return json.get<double>();
                                                   }));
  if (!(value >= min && value <= max)) {
    return tl::unexpected(
        KeyError(key, where, fmt::format("is {}; expected {} to {}", value, min, max)));
  }
  return value;
}

Result<bool> GetBool(const Json& object, const char* key, const std::string& where,
                     std::optional<bool> fallback) {
  return GetAs<bool>(object, key, where, fallback, "true or false",
                     [](const Json& json) -> std::optional<bool> {
                       if (!json.is_boolean()) return std::nullopt;
                       return json.get<bool>();
                     });
}

Result<std::string> GetString(const Json& object, const char* key, const std::string& where,
                              std::optional<std::string> fallback) {
  return GetAs<std::string>(object, key, where, fallback, "a string",
                            [](const Json& json) -> std::optional<std::string> {
                              if (!json.is_string()) return std::nullopt;
                              return json.get<std::string>();
                            });
}

OrderedJson FiniteOrNull(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
}

}  // namespace ebb
