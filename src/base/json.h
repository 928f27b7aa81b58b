// JSON from files and requests: strict parsing, and typed access that names the key at fault.
//
// `where` in all functions is what an error names: a file, or a file and a place in it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ebb {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// Parses one JSON value. Trailing text, duplicate keys in an object, invalid UTF-8 and nesting
// deeper than 64 levels are errors (kCorrupt), with the byte at which parsing stopped.
[[nodiscard]] Result<Json> ParseJson(std::string_view text, const std::string& where);

// ReadTextFile and ParseJson in one.
[[nodiscard]] Result<Json> ReadJsonFile(const std::string& path, uint64_t max_bytes);

// The value at `key` of an object, checked for its type and range. Without a `fallback` a missing
// key is an error; with one, a missing or null key gives the fallback.
[[nodiscard]] Result<int64_t> GetInt(const Json& object, const char* key, int64_t min, int64_t max,
                                     const std::string& where,
                                     std::optional<int64_t> fallback = std::nullopt);
[[nodiscard]] Result<double> GetNumber(const Json& object, const char* key, double min, double max,
                                       const std::string& where,
                                       std::optional<double> fallback = std::nullopt);
[[nodiscard]] Result<bool> GetBool(const Json& object, const char* key, const std::string& where,
                                   std::optional<bool> fallback = std::nullopt);
[[nodiscard]] Result<std::string> GetString(const Json& object, const char* key,
                                            const std::string& where,
                                            std::optional<std::string> fallback = std::nullopt);

// A finite number as itself, anything else as null: JSON has no NaN or infinity.
[[nodiscard]] OrderedJson FiniteOrNull(double value);

}  // namespace ebb
