#include "text/jinja_builtins.h"

#include <algorithm>
#include <optional>

#include "text/unicode.h"
#include "text/utf8.h"

namespace ebb {
namespace {

constexpr int64_t kMaxRange = 100'000;

tl::unexpected<Error> BadArguments(std::string_view name) {
  return MakeError(ErrorCode::kInvalidArgument, "", "bad arguments for {}", name);
}

tl::unexpected<Error> Unknown(std::string_view kind, std::string_view name) {
  return MakeError(ErrorCode::kUnsupported, "", "the {} \"{}\"", kind, name);
}

// Python's str.strip, lstrip and rstrip: of space, or of any of the given characters.
std::string Strip(std::string_view text, std::optional<std::string_view> characters, bool left,
                  bool right) {
  const auto goes = [&](std::string_view character, char32_t code_point) {
    return characters ? characters->find(character) != std::string_view::npos
                      : IsPythonSpace(code_point);
  };
  while (left && !text.empty()) {
    const Utf8Unit unit = ReadValidUtf8(text, 0);
    if (!goes(text.substr(0, unit.size_bytes), unit.code_point)) break;
    text.remove_prefix(unit.size_bytes);
  }
  while (right && !text.empty()) {
    const Utf8Unit unit = ReadValidUtf8Before(text, text.size());
    if (!goes(text.substr(text.size() - unit.size_bytes), unit.code_point)) break;
    text.remove_suffix(unit.size_bytes);
  }
  return std::string(text);
}

int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

tl::unexpected<Error> TooLong() {
  return MakeError(ErrorCode::kInvalidArgument, "", "a text is too long");
}

Result<JinjaValue> ReplaceAll(const std::string& text, const std::string& from,
                              const std::string& to) {
  std::string replaced;
  for (size_t at = 0;;) {
    const size_t found = text.find(from, at);
    replaced.append(text, at, found - at);
    if (found == std::string::npos) return JinjaValue(std::move(replaced));
    replaced += to;
    if (replaced.size() > kMaxJinjaTextBytes) return TooLong();
    at = found + from.size();
  }
}

Result<JinjaValue> CallStringMethod(const std::string& text, const std::string& name,
                                    const JinjaArguments& arguments) {
  std::vector<const std::string*> strings;
  for (const JinjaValue& value : arguments.values) {
    if (value.string() == nullptr) return BadArguments(name);
    strings.push_back(value.string());
  }
  if (!arguments.named.empty()) return BadArguments(name);
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    if (strings.size() > 1) return BadArguments(name);
    std::optional<std::string_view> characters;
    if (!strings.empty()) characters = *strings[0];
    return JinjaValue(Strip(text, characters, name != "rstrip", name != "lstrip"));
  }
  if (name == "startswith" || name == "endswith") {
    if (strings.size() != 1) return BadArguments(name);
    return JinjaValue(name == "startswith" ? text.starts_with(*strings[0])
                                           : text.ends_with(*strings[0]));
  }
  if (name == "replace") {
    if (strings.size() != 2 || strings[0]->empty()) return BadArguments(name);
    return ReplaceAll(text, *strings[0], *strings[1]);
  }
  if (name == "split") {
    if (strings.size() != 1 || strings[0]->empty()) return BadArguments(name);
    JinjaValue::List parts;
    for (size_t at = 0;;) {
      const size_t found = text.find(*strings[0], at);
      parts.emplace_back(text.substr(at, found - at));
      if (parts.size() > kMaxJinjaItems) return TooLong();
      if (found == std::string::npos) return JinjaValue(std::move(parts));
      at = found + strings[0]->size();
    }
  }
  return Unknown("method", name);
}

Result<JinjaValue> Join(const JinjaValue::List& list, const JinjaArguments& arguments) {
  std::string separator;
  if (!arguments.values.empty()) {
    if (arguments.values[0].string() == nullptr) return BadArguments("join");
    separator = *arguments.values[0].string();
  }
  std::string joined;
  for (size_t i = 0; i < list.size(); ++i) {
    EBB_TRY_ASSIGN(const std::string text, ToText(list[i]));
    joined += i == 0 ? "" : separator;
    joined += text;
    if (joined.size() > kMaxJinjaTextBytes) return TooLong();
  }
  return JinjaValue(std::move(joined));
}

}  // namespace

Result<std::string> ToText(const JinjaValue& value) {
  if (value.is_undefined()) return std::string();
  if (value.is_none()) return std::string("None");
  if (value.boolean() != nullptr) return std::string(*value.boolean() ? "True" : "False");
  if (value.integer() != nullptr) return fmt::format("{}", *value.integer());
  if (value.string() != nullptr) return *value.string();
  return MakeError(ErrorCode::kUnsupported, "", "writing a list or a mapping");
}

Result<JinjaValue> CallJinjaFunction(const std::string& name, const JinjaArguments& arguments) {
  const auto& values = arguments.values;
  if (name == "raise_exception") {
    if (values.size() != 1) return BadArguments(name);
    EBB_TRY_ASSIGN(const std::string message, ToText(values[0]));
    return MakeError(ErrorCode::kInvalidArgument, "", "{}", message);
  }
  if (name == "namespace") {
    if (!values.empty()) return BadArguments(name);
    return JinjaValue(arguments.named);
  }
  if (name == "range") {
    if (values.empty() || values.size() > 2 || values[0].integer() == nullptr ||
        values.back().integer() == nullptr) {
      return BadArguments(name);
    }
    const int64_t begin = values.size() == 1 ? 0 : *values[0].integer();
    const int64_t end = *values.back().integer();
    if (end - begin > kMaxRange) return BadArguments(name);
    JinjaValue::List list;
    for (int64_t i = begin; i < end; ++i) list.emplace_back(i);
    return JinjaValue(std::move(list));
  }
  return Unknown("function", name);
}

Result<JinjaValue> CallJinjaMethod(const JinjaValue& object, const std::string& name,
                                   const JinjaArguments& arguments) {
  if (object.string() != nullptr) return CallStringMethod(*object.string(), name, arguments);
  if (object.dict() != nullptr && name == "get") {
    const auto& values = arguments.values;
    if (values.empty() || values.size() > 2 || values[0].string() == nullptr) {
      return BadArguments(name);
    }
    const JinjaValue found = object.Get(*values[0].string());
    if (!found.is_undefined()) return found;
    return values.size() == 2 ? values[1] : JinjaValue(JinjaValue::None{});
  }
  return Unknown("method", name);
}

Result<JinjaValue> ApplyJinjaFilter(const JinjaValue& value, const std::string& name,
                                    const JinjaArguments& arguments) {
  const JinjaValue::List* list = value.list();
  if (name == "default" || name == "d") {
    const auto& values = arguments.values;
    if (values.empty() || values.size() > 2 || !arguments.named.empty()) return BadArguments(name);
    const bool also_false = values.size() == 2 && values[1].IsTrue();
    return value.is_undefined() || (also_false && !value.IsTrue()) ? values[0] : value;
  }
  if (name == "trim" || name == "string") {
    if (!arguments.values.empty() || !arguments.named.empty()) return BadArguments(name);
    EBB_TRY_ASSIGN(std::string text, ToText(value));
    return JinjaValue(name == "string" ? std::move(text) : Strip(text, std::nullopt, true, true));
  }
  if (name == "length" || name == "count") {
    if (list != nullptr) return JinjaValue(static_cast<int64_t>(list->size()));
    if (value.dict() != nullptr) return JinjaValue(static_cast<int64_t>(value.dict()->size()));
    if (value.string() != nullptr) return JinjaValue(CountCharacters(*value.string()));
    if (value.is_undefined()) return JinjaValue(int64_t{0});
    return BadArguments(name);
  }
  if (name == "first" || name == "last" || name == "list" || name == "join") {
    if (list == nullptr) return Unknown("filter of this value:", name);
    if (name == "list") return value;
    if (name == "join") return Join(*list, arguments);
    if (list->empty()) return JinjaValue();
    return name == "first" ? list->front() : list->back();
  }
  return Unknown("filter", name);
}

Result<bool> ApplyJinjaTest(const JinjaValue& value, const std::string& name,
                            const JinjaArguments& arguments) {
  if (!arguments.values.empty() || !arguments.named.empty()) return Unknown("test", name);
  const bool is_string = value.string() != nullptr;
  const bool is_container = value.list() != nullptr || value.dict() != nullptr;
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return is_string;
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "iterable") return is_string || is_container || value.is_undefined();
  if (name == "sequence") return is_string || is_container || value.is_undefined();
  if (name == "boolean") return value.boolean() != nullptr;
  if (name == "integer") return value.integer() != nullptr;
  if (name == "number") return value.integer() != nullptr || value.boolean() != nullptr;
  if (name == "true") return value.boolean() != nullptr && *value.boolean();
  if (name == "false") return value.boolean() != nullptr && !*value.boolean();
  if (name == "odd" || name == "even") {
    if (value.integer() == nullptr) return BadArguments(name);
    return (*value.integer() % 2 != 0) == (name == "odd");
  }
  return Unknown("test", name);
}

}  // namespace ebb
