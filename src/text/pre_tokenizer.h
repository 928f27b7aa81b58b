// Pre-tokenizers: cut a normalised text into the words that are tokenized one by one.
//
// The components of tokenizer.json's "pre_tokenizer". Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/json.h"
#include "text/regex.h"
#include "text/word_list.h"

namespace ebb {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  [[nodiscard]] virtual Status Apply(WordList* words) const = 0;
  virtual uint64_t memory_bytes() const { return 0; }
};

// Sequence, ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation and
// BertPreTokenizer; anything else is kUnsupported.
[[nodiscard]] Result<std::unique_ptr<PreTokenizer>> MakePreTokenizer(const Json& json,
                                                                     const std::string& where);

// Metaspace's settings, which its decoder shares.
struct MetaspaceOptions {
  enum class Prepend { kAlways, kFirst, kNever };
  std::string replacement;  // one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};
[[nodiscard]] Result<MetaspaceOptions> ReadMetaspace(const Json& json, const std::string& where);

// Cuts at every match of `regex`, as the Split pre-tokenizer does; also used by tiktoken.
[[nodiscard]] Status SplitByRegex(const Regex& regex, SplitBehavior behavior, bool invert,
                                  WordList* words);

}  // namespace ebb
