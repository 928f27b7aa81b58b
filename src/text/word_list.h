// A text cut into words: what pre-tokenizers work on.
//
// The words are ranges of one buffer, in order and without overlap; text between them has been
// removed. A step either cuts words further or rewrites the text of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/utf8.h"

namespace ebb {

// No text grows beyond this on its way through normalizers and pre-tokenizers.
inline constexpr size_t kMaxTextBytes = size_t{1} << 30;

// The error for a text that does.
[[nodiscard]] Status CheckTextSize(size_t size_bytes);

// What becomes of the parts that a pattern matches.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// A part of a word; parts follow one another without gaps.
struct WordPart {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool is_match = false;
};

class WordList {
 public:
  struct Word {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  // One word: all of `text`. Its first `start_bytes` bytes come from the very first character of
  // what the user gave (see StartsInput).
  WordList(std::string text, size_t start_bytes);

  const std::vector<Word>& words() const { return words_; }
  std::string_view TextOf(Word word) const {
    return std::string_view(text_).substr(word.begin, word.end - word.begin);
  }
  // Whether the word starts where the user's text starts: Metaspace's prepend_scheme "first".
  bool StartsInput(Word word) const { return word.begin < start_bytes_; }

  // Cuts every word. `find` fills in the parts of one word's text.
  using FindParts = std::function<Status(std::string_view text, std::vector<WordPart>* parts)>;
  [[nodiscard]] Status Split(const FindParts& find, SplitBehavior behavior);

  // Rewrites every word: first what prefix_of(word) gives, then for each of its characters what
  // map(character, &to) appends.
  template <typename PrefixOf, typename Map>
  [[nodiscard]] Status Rewrite(const PrefixOf& prefix_of, const Map& map);

 private:
  std::string text_;
  std::vector<Word> words_;
  size_t start_bytes_ = 0;
};

template <typename PrefixOf, typename Map>
Status WordList::Rewrite(const PrefixOf& prefix_of, const Map& map) {
  std::string rewritten;
  rewritten.reserve(text_.size() * 2);
  size_t start_bytes = 0;
  for (Word& word : words_) {
    const uint32_t begin = static_cast<uint32_t>(rewritten.size());
    rewritten += prefix_of(word);
    for (size_t at = word.begin; at < word.end;) {
      const size_t size = ReadValidUtf8(text_, at).size_bytes;
      map(std::string_view(text_).substr(at, size), &rewritten);
      // What comes of the first character, and what is put before it, still starts the input.
      if (at < start_bytes_) start_bytes = rewritten.size();
      at += size;
    }
    EBB_TRY(CheckTextSize(rewritten.size()));
    word = {begin, static_cast<uint32_t>(rewritten.size())};
  }
  text_ = std::move(rewritten);
  start_bytes_ = start_bytes;
  return {};
}

}  // namespace ebb
