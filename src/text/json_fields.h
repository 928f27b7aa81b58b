// Reading the components of a tokenizer.json: strict about keys, and naming what is at fault.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/regex.h"

namespace ebb {

// That `object` is an object with no other keys than `allowed`: an unknown key may change what
// the component means, so it is kUnsupported, never ignored.
[[nodiscard]] Status CheckKeys(const Json& object, std::initializer_list<const char*> allowed,
                               const std::string& where);

// The component's "type".
[[nodiscard]] Result<std::string> GetType(const Json& object, const std::string& where);

// The array at `key` of an object.
[[nodiscard]] Result<const Json*> GetArray(const Json& object, const char* key,
                                           const std::string& where);

// A string of exactly one character at `key`.
[[nodiscard]] Result<std::string> GetCharacter(const Json& object, const char* key,
                                               const std::string& where);

// The "pattern" of a Split or Replace: {"String": text} or {"Regex": pattern}.
[[nodiscard]] Result<Regex> GetPattern(const Json& object, const std::string& where);

[[nodiscard]] tl::unexpected<Error> UnknownComponent(const std::string& type, const char* kind,
                                                     const std::string& where);

}  // namespace ebb
