// Typed access to TOML tables that names the line and the field at fault.
#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <cmath>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "study/study_file.h"

namespace ebb {

// One table while it is read. Fields are taken one by one; Finish refuses what is left. Must not
// outlive the parsed document.
class TomlTable {
 public:
  // `name`: what the table is, as in `experiment "T3"`; empty for the document itself.
  TomlTable(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  void Rename(std::string name) { name_ = std::move(name); }
  const std::string& file() const { return file_; }
  int64_t line() const { return table_.source().begin.line; }

  tl::unexpected<Error> Mistake(const toml::node* node, const std::string& field,
                                const std::string& problem) const {
    const int64_t at = node == nullptr ? line() : node->source().begin.line;
    std::string where = fmt::format("{}, line {}", file_, at == 0 ? 1 : at);
    if (!name_.empty()) where += ", " + name_;
    return MakeError(ErrorCode::kInvalidArgument, where + ", " + field, "{}", problem);
  }
  tl::unexpected<Error> Mistake(const std::string& field, const std::string& problem) const {
    return Mistake(table_.get(field), field, problem);
  }

  // Without a fallback a missing field is a mistake.
  Result<std::string> Text(const char* field, const char* fallback = nullptr) {
    const toml::node* node = Take(field);
    if (node == nullptr && fallback != nullptr) return std::string(fallback);
    if (node == nullptr) return Mistake(nullptr, field, "it is missing");
    const auto value = node->value_exact<std::string>();
    if (!value) return Mistake(node, field, "it must be text in quotation marks");
    return *value;
  }

  Result<int64_t> Integer(const char* field, int64_t min, int64_t max, int64_t fallback) {
    const toml::node* node = Take(field);
    if (node == nullptr) return fallback;
    const auto value = node->value_exact<int64_t>();
    if (!value || *value < min || *value > max) {
      return Mistake(node, field, fmt::format("it must be a whole number of {} to {}", min, max));
    }
    return *value;
  }

  // Whole numbers count as numbers.
  Result<double> Number(const char* field, double min, double max, double fallback) {
    const toml::node* node = Take(field);
    if (node == nullptr) return fallback;
    const auto value = node->value<double>();
    if (!node->is_number() || !value || !(*value >= min && *value <= max)) {
      return Mistake(node, field, fmt::format("it must be a number of {} to {}", min, max));
    }
    return *value;
  }

  Result<bool> Flag(const char* field, bool fallback) {
    const toml::node* node = Take(field);
    if (node == nullptr) return fallback;
    const auto value = node->value_exact<bool>();
    if (!value) return Mistake(node, field, "it must be true or false");
    return *value;
  }

  Result<std::vector<WrittenText>> Texts(const char* field) {
    const toml::node* node = Take(field);
    if (node == nullptr) return std::vector<WrittenText>();
    return TextsOf(*node, field);
  }

  Result<std::vector<std::vector<WrittenText>>> TextLists(const char* field) {
    std::vector<std::vector<WrittenText>> lists;
    const toml::node* node = Take(field);
    if (node == nullptr) return lists;
    if (!node->is_array()) return Mistake(node, field, "it must be a list of lists of texts");
    for (const toml::node& list : *node->as_array()) {
      EBB_TRY_ASSIGN(auto texts, TextsOf(list, field));
      if (texts.empty()) return Mistake(&list, field, "a list in it is empty");
      lists.push_back(std::move(texts));
    }
    return lists;
  }

  Result<std::vector<uint64_t>> Seeds(const char* field, std::vector<uint64_t> fallback) {
    const toml::node* node = Take(field);
    if (node == nullptr) return fallback;
    constexpr char kProblem[] = "it must be a list of different whole numbers, none negative";
    if (!node->is_array()) return Mistake(node, field, kProblem);
    std::vector<uint64_t> seeds;
    std::set<int64_t> seen;
    for (const toml::node& element : *node->as_array()) {
      const auto value = element.value_exact<int64_t>();
      if (!value || *value < 0 || !seen.insert(*value).second) {
        return Mistake(&element, field, kProblem);
      }
      seeds.push_back(static_cast<uint64_t>(*value));
    }
    if (seeds.empty()) return Mistake(node, field, kProblem);
    return seeds;
  }

  // The tables of [[field]].
  Result<std::vector<const toml::table*>> Tables(const char* field) {
    std::vector<const toml::table*> tables;
    const toml::node* node = Take(field);
    if (node == nullptr) return tables;
    const std::string problem = fmt::format("write it as [[{}]] tables", field);
    if (!node->is_array()) return Mistake(node, field, problem);
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_table()) return Mistake(&element, field, problem);
      tables.push_back(element.as_table());
    }
    return tables;
  }

  // Refuses fields that nobody has asked for.
  Status Finish() const {
    for (const auto& [key, node] : table_) {
      if (known_.contains(std::string(key.str()))) continue;
      std::string known;
      for (const std::string& name : known_) known += (known.empty() ? "" : ", ") + name;
      return Mistake(&node, std::string(key.str()),
                     fmt::format("there is no such field; there are: {}", known));
    }
    return {};
  }

 private:
  const toml::node* Take(const char* field) {
    known_.insert(field);
    return table_.get(field);
  }

  Result<std::vector<WrittenText>> TextsOf(const toml::node& node, const char* field) const {
    std::vector<WrittenText> texts;
    if (!node.is_array()) return Mistake(&node, field, "it must be a list of texts");
    for (const toml::node& element : *node.as_array()) {
      const auto value = element.value_exact<std::string>();
      if (!value) return Mistake(&element, field, "it must be a list of texts");
      texts.push_back({*value, element.source().begin.line});
    }
    return texts;
  }

  const toml::table& table_;
  std::string file_;
  std::string name_;
  std::set<std::string> known_;
};

}  // namespace ebb
