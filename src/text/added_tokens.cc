#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"
#include "text/utf8.h"

namespace ebb {

uint32_t TextTrie::ChildOf(uint32_t node, uint8_t byte) const {
  if (node == 0) return roots_[byte];
  uint32_t child = nodes_[node].first_child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].next_sibling;
  return child;
}

bool TextTrie::Add(std::string_view text, int32_t value) {
  if (text.empty()) return false;
  uint32_t node = 0;
  for (const char c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    uint32_t child = ChildOf(node, byte);
    if (child == 0) {
      child = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({byte, kNoToken, 0, nodes_[node].first_child});
      nodes_[node].first_child = child;
      if (node == 0) roots_[byte] = child;
    }
    node = child;
  }
  if (nodes_[node].value != kNoToken) return false;
  nodes_[node].value = value;
  return true;
}

TextTrie::Match TextTrie::LongestAt(std::string_view text, size_t at) const {
  Match longest;
  uint32_t node = 0;
  for (size_t end = at; end < text.size();) {
    node = ChildOf(node, static_cast<uint8_t>(text[end]));
    if (node == 0) break;
    ++end;
    if (nodes_[node].value != kNoToken) longest = {nodes_[node].value, end - at};
  }
  return longest;
}

uint64_t TextTrie::memory_bytes() const {
  return nodes_.capacity() * sizeof(Node) + roots_.capacity() * sizeof(roots_[0]);
}

Status AddedTokenFinder::Add(std::string_view text, AddedToken token, const std::string& where) {
  if (!trie_.Add(text, static_cast<int32_t>(tokens_.size()))) {
    return MakeError(ErrorCode::kUnsupported, where,
                     "the added token \"{}\" is empty or the same text as another one",
                     token.content);
  }
  tokens_.push_back(std::move(token));
  return {};
}

std::vector<AddedTokenFinder::Piece> AddedTokenFinder::Find(std::string_view text) const {
  std::vector<Piece> pieces;
  size_t covered = 0;
  TextRange spaces;  // the last ones that a token took to its right: looked at once only
  for (size_t at = 0; at < text.size() && !trie_.empty();) {
    const TextTrie::Match match = trie_.LongestAt(text, at);
    if (match.value == kNoToken) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = at + match.size_bytes;
    at = end;
    const AddedToken& token = tokens_[static_cast<size_t>(match.value)];
    if (token.single_word) {
      const bool touched_left = begin > 0 && IsWord(ReadValidUtf8Before(text, begin).code_point);
      const bool touched_right = end < text.size() && IsWord(ReadValidUtf8(text, end).code_point);
      if (touched_left || touched_right) continue;
    }
    if (token.lstrip) {
      while (begin > covered && IsWhitespace(ReadValidUtf8Before(text, begin).code_point)) {
        begin -= ReadValidUtf8Before(text, begin).size_bytes;
      }
    }
    if (token.rstrip) {
      if (end >= spaces.begin && end < spaces.end) end = spaces.end;
      spaces.begin = end;
      while (end < text.size() && IsWhitespace(ReadValidUtf8(text, end).code_point)) {
        end += ReadValidUtf8(text, end).size_bytes;
      }
      spaces.end = end;
    }
    if (covered < begin) pieces.push_back({covered, begin, kNoToken});
    pieces.push_back({begin, end, token.id});
    covered = end;
  }
  if (covered < text.size()) pieces.push_back({covered, text.size(), kNoToken});
  return pieces;
}

uint64_t AddedTokenFinder::memory_bytes() const {
  uint64_t bytes = trie_.memory_bytes() + tokens_.capacity() * sizeof(AddedToken);
  for (const AddedToken& token : tokens_) bytes += token.content.capacity();
  return bytes;
}

}  // namespace ebb
