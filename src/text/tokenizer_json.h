// Reads a tokenizer.json without ever holding its vocabulary as a JSON tree.
//
// A vocabulary of 163,840 tokens with its merges would be about 80 MiB of tree for 4 MiB of text.
// So the two big lists, model.vocab and model.merges, go straight into flat buffers while the file
// is parsed; everything else becomes an ordinary Json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ebb {

// Texts in one buffer.
class TextList {
 public:
  void Add(std::string_view text);
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

struct TokenizerJson {
  Json rest;                    // the file but for the two lists
  TextList vocabulary;          // model.vocab's tokens, in the file's order
  std::vector<int64_t> ids;     // their ids; -1 for a number that cannot be one
  TextList merges;              // model.merges' pairs: 2 texts each, in the file's order
  bool has_vocabulary = false;  // both lists are there
  bool has_merges = false;
};

// kCorrupt: bad JSON, a key twice, nesting deeper than 64 levels, a vocabulary that is not
// {token: number}, merges that are neither "a b" nor ["a", "b"].
[[nodiscard]] Result<TokenizerJson> ReadTokenizerJson(std::string_view text,
                                                      const std::string& where);

}  // namespace ebb
