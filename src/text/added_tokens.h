// Tokens that are found in the text itself, before it is cut into words: special tokens and others
// that were added to a vocabulary.
//
// Immutable after construction and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/regex.h"
#include "text/vocabulary.h"

namespace ebb {

struct AddedToken {
  int32_t id = kNoToken;
  std::string content;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the spaces to its left with it
  bool rstrip = false;       // and to its right
  bool normalized = false;   // is looked for after normalisation, in its normalised form
  bool special = false;      // left out by a decoder that skips special tokens
};

// Finds which of a set of texts starts at a place: a byte trie.
class TextTrie {
 public:
  // Returns false when `text` is empty or already there.
  bool Add(std::string_view text, int32_t value);
  struct Match {
    int32_t value = kNoToken;
    size_t size_bytes = 0;
  };
  // The longest text that starts at text[at].
  Match LongestAt(std::string_view text, size_t at) const;
  bool empty() const { return nodes_.size() == 1; }
  uint64_t memory_bytes() const;

 private:
  // A node's children are a linked list, because it has few; the root has a table.
  struct Node {
    uint8_t byte = 0;
    int32_t value = kNoToken;
    uint32_t first_child = 0;  // 0: none
    uint32_t next_sibling = 0;
  };
  uint32_t ChildOf(uint32_t node, uint8_t byte) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<uint32_t> roots_ = std::vector<uint32_t>(256, 0);
};

// Finds added tokens in a text: the leftmost, of these the longest, without overlap.
class AddedTokenFinder {
 public:
  // Looks for `text` and reports `token`. Two tokens with one text are kUnsupported.
  [[nodiscard]] Status Add(std::string_view text, AddedToken token, const std::string& where);

  // A stretch of text, or a token (id != kNoToken) with the spaces that it takes.
  struct Piece {
    size_t begin = 0;
    size_t end = 0;
    int32_t id = kNoToken;
  };
  // Covers `text` (valid UTF-8) with pieces, in order.
  std::vector<Piece> Find(std::string_view text) const;
  uint64_t memory_bytes() const;

 private:
  TextTrie trie_;
  std::vector<AddedToken> tokens_;
};

}  // namespace ebb
