// Small tokenizer files for tests, made by changing one thing of a valid one.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/tokenizer.h"

namespace ebb {

using Files = std::map<std::string, std::string>;

// A tokenizer of 9 tokens (and "<s>" as the added token of id 9) that changes its text nowhere.
inline Json SmallTokenizerJson() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 9, "content": "<s>", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null,
    "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null,
              "continuing_subword_prefix": null, "end_of_word_suffix": null,
              "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {"a": 0, "b": 1, "c": 2, " ": 3, "ab": 4, "bc": 5, "abc": 6, "é": 7, "▁": 8},
              "merges": [["a", "b"], "b c", ["ab", "c"]]}})");
}

inline Json AddedTokenJson(int id, std::string_view content) {
  return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
              {"rstrip", false}, {"normalized", false}, {"special", false}};
}

inline Result<std::unique_ptr<Tokenizer>> LoadJson(const Json& json) {
  return LoadTokenizer({{"tokenizer.json", json.dump()}});
}

// The error of loading, or "" when it works.
inline std::string LoadError(const Files& files) {
  const auto tokenizer = LoadTokenizer(files);
  return tokenizer ? "" : tokenizer.error().ToString();
}
inline std::string LoadError(const Json& json) {
  return LoadError(Files{{"tokenizer.json", json.dump()}});
}

}  // namespace ebb
