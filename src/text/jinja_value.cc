#include <algorithm>
#include <optional>

#include "text/jinja.h"

namespace ebb {

JinjaValue::JinjaValue(List value) {
  for (const JinjaValue& item : value) depth_ = std::max(depth_, item.depth_);
  ++depth_;
  value_ = std::make_shared<List>(std::move(value));
}

JinjaValue::JinjaValue(Dict value) {
  for (const auto& [name, item] : value) depth_ = std::max(depth_, item.depth_);
  ++depth_;
  value_ = std::make_shared<Dict>(std::move(value));
}

const JinjaValue::List* JinjaValue::list() const {
  const auto* list = std::get_if<std::shared_ptr<List>>(&value_);
  return list == nullptr ? nullptr : list->get();
}

JinjaValue::Dict* JinjaValue::dict() const {
  const auto* dict = std::get_if<std::shared_ptr<Dict>>(&value_);
  return dict == nullptr ? nullptr : dict->get();
}

bool JinjaValue::IsTrue() const {
  if (boolean() != nullptr) return *boolean();
  if (integer() != nullptr) return *integer() != 0;
  if (string() != nullptr) return !string()->empty();
  if (list() != nullptr) return !list()->empty();
  return dict() != nullptr && !dict()->empty();
}

bool JinjaValue::Equals(const JinjaValue& other) const {
  const auto number = [](const JinjaValue& value) -> std::optional<int64_t> {
    if (value.boolean() != nullptr) return *value.boolean() ? 1 : 0;
    if (value.integer() != nullptr) return *value.integer();
    return std::nullopt;
  };
  if (const auto a = number(*this), b = number(other); a && b) return *a == *b;
  if (string() != nullptr && other.string() != nullptr) return *string() == *other.string();
  if (list() != nullptr && other.list() != nullptr) {
    return std::equal(list()->begin(), list()->end(), other.list()->begin(), other.list()->end(),
                      [](const JinjaValue& a, const JinjaValue& b) { return a.Equals(b); });
  }
  return (is_undefined() && other.is_undefined()) || (is_none() && other.is_none()) ||
         (dict() != nullptr && dict() == other.dict());
}

JinjaValue JinjaValue::Get(std::string_view key) const {
  if (dict() == nullptr) return {};
  for (const auto& [name, value] : *dict()) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace ebb
