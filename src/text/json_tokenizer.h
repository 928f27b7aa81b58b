// The tokenizer of a tokenizer.json.
//
// The text goes through: added tokens found in it as it is; the normalizer; added tokens found in
// the normalised text; the pre-tokenizer, which cuts words; the BPE model; the post-processor.
// The file's "truncation" and "padding" are read past, as transformers does unless a caller asks
// for them: the engine decides how long a prompt may be.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe_model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/tokenizer.h"
#include "text/word_cache.h"

namespace ebb {

[[nodiscard]] Result<std::unique_ptr<Tokenizer>> LoadJsonTokenizer(
    const std::map<std::string, std::string>& files);

class JsonTokenizer : public Tokenizer {
 public:
  // What a tokenizer.json describes; null steps are absent.
  struct Parts {
    std::unique_ptr<Normalizer> normalizer;
    std::unique_ptr<PreTokenizer> pre_tokenizer;
    std::unique_ptr<BpeModel> model;
    std::unique_ptr<TokenDecoder> decoder;
    PostProcessor post_processor;
    AddedTokenFinder raw_finder;         // of tokens that are found in the text as it is
    AddedTokenFinder normalized_finder;  // of those found after normalisation
    // Added tokens by content, and by id with the text that a decoder gets and whether it is left
    // out when special tokens are skipped.
    struct Added {
      std::string text;
      bool special = false;
      bool skipped = false;
    };
    std::unordered_map<std::string, int32_t> added_ids;
    std::unordered_map<int32_t, Added> added;
    int32_t vocab_size = 0;
  };
  explicit JsonTokenizer(Parts parts) : parts_(std::move(parts)) {}

  std::string Decode(std::span<const int32_t> ids, bool skip_special_tokens) const override;
  std::unique_ptr<StreamDecoder> MakeStreamDecoder(bool skip_special_tokens) const override;
  std::string Piece(int32_t id) const override;
  int32_t vocab_size() const override { return parts_.vocab_size; }
  std::optional<int32_t> IdOf(std::string_view token) const override;
  bool IsSpecial(int32_t id) const override;
  uint64_t memory_bytes() const override;

 protected:
  Result<std::vector<int32_t>> EncodeValid(std::string_view text,
                                           bool add_special_tokens) const override;

 private:
  friend Result<std::unique_ptr<Tokenizer>> LoadJsonTokenizer(
      const std::map<std::string, std::string>& files);
  class Stream;
  struct Call;  // the working memory of one Encode

  [[nodiscard]] Status EncodeStretch(std::string_view text, bool starts_input, Call* call) const;
  [[nodiscard]] Status EncodeWords(std::string text, size_t start_bytes, Call* call) const;
  // The text of a token for the decoder; nothing for one that is left out.
  std::optional<std::string_view> TextOf(int32_t id, bool skip_special_tokens) const;

  Parts parts_;
};

}  // namespace ebb
