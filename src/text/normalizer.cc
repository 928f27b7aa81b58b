#include "text/normalizer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "text/json_fields.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include "text/word_list.h"

namespace ebb {
namespace {

using MakeResult = Result<std::unique_ptr<Normalizer>>;

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
  Status Apply(NormalizedText* text) const override {
    for (const auto& step : steps_) EBB_TRY(step->Apply(text));
    return {};
  }
  uint64_t memory_bytes() const override {
    uint64_t bytes = 0;
    for (const auto& step : steps_) bytes += step->memory_bytes();
    return bytes;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  Status Apply(NormalizedText* text) const override {
    const std::string_view start = std::string_view(text->text).substr(0, text->start_bytes);
    EBB_TRY_ASSIGN(const std::string normalized_start, Normalize(start, form_));
    EBB_TRY_ASSIGN(std::string normalized, Normalize(text->text, form_));
    EBB_TRY(CheckTextSize(normalized.size()));
    *text = {std::move(normalized), normalized_start.size()};
    return {};
  }

 private:
  NormalForm form_;
};

class Lowercaser : public Normalizer {
 public:
  Status Apply(NormalizedText* text) const override {
    const std::string_view start = std::string_view(text->text).substr(0, text->start_bytes);
    const size_t start_bytes = Lowercase(start).size();
    *text = {Lowercase(text->text), start_bytes};
    return CheckTextSize(text->text.size());
  }
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  Status Apply(NormalizedText* text) const override {
    const std::string_view all = text->text;
    size_t begin = 0;
    size_t end = all.size();
    while (left_ && begin < end && IsWhitespace(ReadValidUtf8(all, begin).code_point)) {
      begin += ReadValidUtf8(all, begin).size_bytes;
    }
    while (right_ && end > begin && IsWhitespace(ReadValidUtf8Before(all, end).code_point)) {
      end -= ReadValidUtf8Before(all, end).size_bytes;
    }
    const size_t start_bytes = text->start_bytes - std::min(text->start_bytes, begin);
    *text = {std::string(all.substr(begin, end - begin)), start_bytes};
    return {};
  }

 private:
  bool left_;
  bool right_;
};

class StripAccents : public Normalizer {
 public:
  Status Apply(NormalizedText* text) const override {
    std::string kept;
    size_t start_bytes = 0;
    for (size_t at = 0; at < text->text.size();) {
      const Utf8Unit unit = ReadValidUtf8(text->text, at);
      if (!IsMark(unit.code_point)) {
        kept.append(text->text, at, unit.size_bytes);
        if (at < text->start_bytes) start_bytes = kept.size();
      }
      at += unit.size_bytes;
    }
    *text = {std::move(kept), start_bytes};
    return {};
  }
};

// Puts a text before every text that is not empty.
class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  Status Apply(NormalizedText* text) const override {
    if (text->text.empty()) return {};
    text->text.insert(0, prefix_);
    if (text->start_bytes > 0) text->start_bytes += prefix_.size();
    return CheckTextSize(text->text.size());
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(Regex regex, std::string content)
      : regex_(std::move(regex)), content_(std::move(content)) {}

  Status Apply(NormalizedText* text) const override {
    std::vector<TextRange> matches;
    RegexMatcher matcher(regex_);
    EBB_TRY(matcher.FindAll(text->text, &matches));
    if (matches.empty()) return {};
    std::string replaced;
    size_t start_bytes = 0;
    size_t begin = 0;
    // New text counts as where the last character that it replaces stood.
    const auto copy = [&](size_t end) {
      replaced.append(text->text, begin, end - begin);
      if (begin < text->start_bytes) {
        start_bytes = replaced.size() - (end - std::min(end, text->start_bytes));
      }
    };
    for (const TextRange& match : matches) {
      copy(match.begin);
      replaced += content_;
      const bool is_at_start = text->start_bytes > 0 && match.end <= text->start_bytes;
      if (is_at_start) start_bytes = replaced.size();
      begin = match.end;
      EBB_TRY(CheckTextSize(replaced.size()));
    }
    copy(text->text.size());
    *text = {std::move(replaced), start_bytes};
    return CheckTextSize(text->text.size());
  }
  uint64_t memory_bytes() const override { return regex_.memory_bytes() + content_.size(); }

 private:
  Regex regex_;
  std::string content_;
};

MakeResult MakeSequence(const Json& json, const std::string& where) {
  EBB_TRY(CheckKeys(json, {"type", "normalizers"}, where));
  EBB_TRY_ASSIGN(const Json* list, GetArray(json, "normalizers", where));
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (size_t i = 0; i < list->size(); ++i) {
    EBB_TRY_ASSIGN(auto step,
                   MakeNormalizer((*list)[i], fmt::format("{}.normalizers[{}]", where, i)));
    steps.push_back(std::move(step));
  }
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace

MakeResult MakeNormalizer(const Json& json, const std::string& where) {
  EBB_TRY_ASSIGN(const std::string type, GetType(json, where));
  if (type == "Sequence") return MakeSequence(json, where);
  if (type == "Strip") {
    EBB_TRY(CheckKeys(json, {"type", "strip_left", "strip_right"}, where));
    EBB_TRY_ASSIGN(const bool left, GetBool(json, "strip_left", where));
    EBB_TRY_ASSIGN(const bool right, GetBool(json, "strip_right", where));
    return std::make_unique<Strip>(left, right);
  }
  if (type == "Prepend") {
    EBB_TRY(CheckKeys(json, {"type", "prepend"}, where));
    EBB_TRY_ASSIGN(std::string prefix, GetString(json, "prepend", where));
    return std::make_unique<Prepend>(std::move(prefix));
  }
  if (type == "Replace") {
    EBB_TRY(CheckKeys(json, {"type", "pattern", "content"}, where));
    EBB_TRY_ASSIGN(Regex regex, GetPattern(json, where));
    EBB_TRY_ASSIGN(std::string content, GetString(json, "content", where));
    return std::make_unique<Replace>(std::move(regex), std::move(content));
  }
  std::unique_ptr<Normalizer> plain;
  if (type == "NFC") plain = std::make_unique<UnicodeForm>(NormalForm::kNfc);
  if (type == "NFD") plain = std::make_unique<UnicodeForm>(NormalForm::kNfd);
  if (type == "NFKC") plain = std::make_unique<UnicodeForm>(NormalForm::kNfkc);
  if (type == "NFKD") plain = std::make_unique<UnicodeForm>(NormalForm::kNfkd);
  if (type == "Lowercase") plain = std::make_unique<Lowercaser>();
  if (type == "StripAccents") plain = std::make_unique<StripAccents>();
  if (plain == nullptr) return UnknownComponent(type, "normalizer", where);
  EBB_TRY(CheckKeys(json, {"type"}, where));
  return plain;
}

}  // namespace ebb
