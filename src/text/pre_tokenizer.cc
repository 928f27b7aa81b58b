#include "text/pre_tokenizer.h"

#include <utility>
#include <vector>

#include "text/byte_level.h"
#include "text/json_fields.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace ebb {
namespace {

using MakeResult = Result<std::unique_ptr<PreTokenizer>>;

// GPT-2's split pattern.
constexpr const char* kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Every character that `is_match` accepts becomes a part of its own.
template <typename IsMatch>
Status SplitByCharacter(const IsMatch& is_match, SplitBehavior behavior, WordList* words) {
  return words->Split(
      [&](std::string_view text, std::vector<WordPart>* parts) -> Status {
        uint32_t begin = 0;
        for (uint32_t at = 0; at < text.size();) {
          const Utf8Unit unit = ReadValidUtf8(text, at);
          const uint32_t end = at + unit.size_bytes;
          if (is_match(unit.code_point)) {
            if (begin < at) parts->push_back({begin, at, false});
            parts->push_back({at, end, true});
            begin = end;
          }
          at = end;
        }
        const uint32_t size = static_cast<uint32_t>(text.size());
        if (begin < size) parts->push_back({begin, size, false});
        return {};
      },
      behavior);
}

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
  Status Apply(WordList* words) const override {
    for (const auto& step : steps_) EBB_TRY(step->Apply(words));
    return {};
  }
  uint64_t memory_bytes() const override {
    uint64_t bytes = 0;
    for (const auto& step : steps_) bytes += step->memory_bytes();
    return bytes;
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, std::unique_ptr<Regex> regex)
      : add_prefix_space_(add_prefix_space), regex_(std::move(regex)) {}

  Status Apply(WordList* words) const override {
    if (add_prefix_space_) {
      const auto prefix_of = [&](WordList::Word word) -> std::string_view {
        return words->TextOf(word).starts_with(' ') ? "" : " ";
      };
      EBB_TRY(words->Rewrite(
          prefix_of, [](std::string_view character, std::string* to) { *to += character; }));
    }
    if (regex_ != nullptr) {
      EBB_TRY(SplitByRegex(*regex_, SplitBehavior::kIsolated, false, words));
    }
    return words->Rewrite([](WordList::Word) { return std::string_view(); },
                          [](std::string_view character, std::string* to) {
                            for (const char byte : character) {
                              AppendUtf8(CharacterOfByte(static_cast<uint8_t>(byte)), to);
                            }
                          });
  }
  uint64_t memory_bytes() const override { return regex_ == nullptr ? 0 : regex_->memory_bytes(); }

 private:
  bool add_prefix_space_;
  std::unique_ptr<Regex> regex_;  // null: use_regex is false
};

class Split : public PreTokenizer {
 public:
  Split(Regex regex, SplitBehavior behavior, bool invert)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}
  Status Apply(WordList* words) const override {
    return SplitByRegex(regex_, behavior_, invert_, words);
  }
  uint64_t memory_bytes() const override { return regex_.memory_bytes(); }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(MetaspaceOptions options) : options_(std::move(options)) {}

  Status Apply(WordList* words) const override {
    using Prepend = MetaspaceOptions::Prepend;
    const auto prefix_of = [&](WordList::Word word) -> std::string_view {
      const std::string_view text = words->TextOf(word);
      const bool has_one = text.starts_with(' ') || text.starts_with(options_.replacement);
      const bool wants_one = options_.prepend == Prepend::kAlways ||
                             (options_.prepend == Prepend::kFirst && words->StartsInput(word));
      return wants_one && !has_one ? std::string_view(options_.replacement) : "";
    };
    EBB_TRY(words->Rewrite(prefix_of, [&](std::string_view character, std::string* to) {
      *to += character == " " ? options_.replacement : character;
    }));
    if (!options_.split) return {};
    const char32_t separator = ReadValidUtf8(options_.replacement, 0).code_point;
    return SplitByCharacter([&](char32_t c) { return c == separator; },
                            SplitBehavior::kMergedWithNext, words);
  }

 private:
  MetaspaceOptions options_;
};

class Digits : public PreTokenizer {
 public:
  explicit Digits(bool individual) : individual_(individual) {}
  Status Apply(WordList* words) const override {
    return SplitByCharacter(
        IsNumeric, individual_ ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, words);
  }

 private:
  bool individual_;
};

class Punctuation : public PreTokenizer {
 public:
  explicit Punctuation(SplitBehavior behavior) : behavior_(behavior) {}
  Status Apply(WordList* words) const override {
    return SplitByCharacter(IsPunctuation, behavior_, words);
  }

 private:
  SplitBehavior behavior_;
};

class WhitespaceSplit : public PreTokenizer {
 public:
  Status Apply(WordList* words) const override {
    return SplitByCharacter(IsWhitespace, SplitBehavior::kRemoved, words);
  }
};

class Bert : public PreTokenizer {
 public:
  Status Apply(WordList* words) const override {
    EBB_TRY(SplitByCharacter(IsWhitespace, SplitBehavior::kRemoved, words));
    return SplitByCharacter(IsPunctuation, SplitBehavior::kIsolated, words);
  }
};

// Runs of \w, and runs of what is neither \w nor \s; spaces go.
class Whitespace : public PreTokenizer {
 public:
  Status Apply(WordList* words) const override {
    enum class Kind { kWord, kSpace, kOther };
    const auto kind_of = [](char32_t c) {
      return IsWord(c) ? Kind::kWord : IsWhitespace(c) ? Kind::kSpace : Kind::kOther;
    };
    return words->Split(
        [&](std::string_view text, std::vector<WordPart>* parts) -> Status {
          Kind last = Kind::kOther;
          for (uint32_t at = 0; at < text.size();) {
            const Utf8Unit unit = ReadValidUtf8(text, at);
            const Kind kind = kind_of(unit.code_point);
            if (parts->empty() || kind != last) parts->push_back({at, at, kind == Kind::kSpace});
            last = kind;
            at += unit.size_bytes;
            parts->back().end = at;
          }
          return {};
        },
        SplitBehavior::kRemoved);
  }
};

Result<SplitBehavior> GetBehavior(const Json& json, const std::string& where,
                                  std::optional<std::string> fallback = std::nullopt) {
  EBB_TRY_ASSIGN(const std::string name, GetString(json, "behavior", where, std::move(fallback)));
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return MakeError(ErrorCode::kUnsupported, where, "split behavior \"{}\"", name);
}

MakeResult MakeSequence(const Json& json, const std::string& where) {
  EBB_TRY(CheckKeys(json, {"type", "pretokenizers"}, where));
  EBB_TRY_ASSIGN(const Json* list, GetArray(json, "pretokenizers", where));
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  for (size_t i = 0; i < list->size(); ++i) {
    EBB_TRY_ASSIGN(auto step,
                   MakePreTokenizer((*list)[i], fmt::format("{}.pretokenizers[{}]", where, i)));
    steps.push_back(std::move(step));
  }
  return std::make_unique<Sequence>(std::move(steps));
}

MakeResult MakeByteLevel(const Json& json, const std::string& where) {
  EBB_TRY(CheckKeys(json, {"type", "add_prefix_space", "trim_offsets", "use_regex"}, where));
  EBB_TRY_ASSIGN(const bool add_prefix_space, GetBool(json, "add_prefix_space", where));
  EBB_TRY_ASSIGN([[maybe_unused]] const bool trim, GetBool(json, "trim_offsets", where, true));
  EBB_TRY_ASSIGN(const bool use_regex, GetBool(json, "use_regex", where, true));
  std::unique_ptr<Regex> regex;
  if (use_regex) {
    EBB_TRY_ASSIGN(Regex compiled, Regex::Compile(kByteLevelPattern, where));
    regex = std::make_unique<Regex>(std::move(compiled));
  }
  return std::make_unique<ByteLevel>(add_prefix_space, std::move(regex));
}

MakeResult MakeSplit(const Json& json, const std::string& where) {
  EBB_TRY(CheckKeys(json, {"type", "pattern", "behavior", "invert"}, where));
  EBB_TRY_ASSIGN(Regex regex, GetPattern(json, where));
  EBB_TRY_ASSIGN(const SplitBehavior behavior, GetBehavior(json, where));
  EBB_TRY_ASSIGN(const bool invert, GetBool(json, "invert", where));
  return std::make_unique<Split>(std::move(regex), behavior, invert);
}

}  // namespace

Status SplitByRegex(const Regex& regex, SplitBehavior behavior, bool invert, WordList* words) {
  RegexMatcher matcher(regex);
  std::vector<TextRange> matches;
  return words->Split(
      [&](std::string_view text, std::vector<WordPart>* parts) -> Status {
        EBB_TRY(matcher.FindAll(text, &matches));
        uint32_t begin = 0;
        for (const TextRange& match : matches) {
          const uint32_t match_begin = static_cast<uint32_t>(match.begin);
          const uint32_t match_end = static_cast<uint32_t>(match.end);
          if (begin != match_begin) parts->push_back({begin, match_begin, invert});
          parts->push_back({match_begin, match_end, !invert});
          begin = match_end;
        }
        const uint32_t size = static_cast<uint32_t>(text.size());
        if (begin != size) parts->push_back({begin, size, invert});
        return {};
      },
      behavior);
}

Result<MetaspaceOptions> ReadMetaspace(const Json& json, const std::string& where) {
  EBB_TRY(CheckKeys(
      json, {"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"},
      where));
  MetaspaceOptions options;
  EBB_TRY_ASSIGN(options.replacement, GetCharacter(json, "replacement", where));
  EBB_TRY_ASSIGN(const std::string scheme, GetString(json, "prepend_scheme", where, "always"));
  using Prepend = MetaspaceOptions::Prepend;
  if (scheme == "always") {
    options.prepend = Prepend::kAlways;
  } else if (scheme == "first") {
    options.prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    options.prepend = Prepend::kNever;
  } else {
    return MakeError(ErrorCode::kUnsupported, where, "prepend_scheme \"{}\"", scheme);
  }
  EBB_TRY_ASSIGN(const bool add_prefix, GetBool(json, "add_prefix_space", where, true));
  if (!add_prefix && options.prepend != Prepend::kNever) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"add_prefix_space\" is false but \"prepend_scheme\" is not \"never\"");
  }
  EBB_TRY_ASSIGN(options.split, GetBool(json, "split", where, true));
  return options;
}

MakeResult MakePreTokenizer(const Json& json, const std::string& where) {
  EBB_TRY_ASSIGN(const std::string type, GetType(json, where));
  if (type == "Sequence") return MakeSequence(json, where);
  if (type == "ByteLevel") return MakeByteLevel(json, where);
  if (type == "Split") return MakeSplit(json, where);
  if (type == "Metaspace") {
    EBB_TRY_ASSIGN(MetaspaceOptions options, ReadMetaspace(json, where));
    return std::make_unique<Metaspace>(std::move(options));
  }
  if (type == "Digits") {
    EBB_TRY(CheckKeys(json, {"type", "individual_digits"}, where));
    EBB_TRY_ASSIGN(const bool individual, GetBool(json, "individual_digits", where));
    return std::make_unique<Digits>(individual);
  }
  if (type == "Punctuation") {
    EBB_TRY(CheckKeys(json, {"type", "behavior"}, where));
    EBB_TRY_ASSIGN(const SplitBehavior behavior, GetBehavior(json, where, "Isolated"));
    return std::make_unique<Punctuation>(behavior);
  }
  const bool is_plain =
      type == "Whitespace" || type == "WhitespaceSplit" || type == "BertPreTokenizer";
  if (!is_plain) return UnknownComponent(type, "pre-tokenizer", where);
  EBB_TRY(CheckKeys(json, {"type"}, where));
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit") return std::make_unique<WhitespaceSplit>();
  return std::make_unique<Bert>();
}

}  // namespace ebb
