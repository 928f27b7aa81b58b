// The tokenizer of a tiktoken.model: Moonlight-16B-A3B and its kin (Moonshot AI).
//
// A text is cut by a fixed split pattern, and each word's bytes are joined by rank, the rank of a
// token being its id. 258 special ids follow the base tokens; tokenizer_config.json names some of
// them, and the others are "<|reserved_token_ID|>". Equal to the model's published Python class,
// which is built on tiktoken, down to its cuts of very long texts.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe_merge.h"
#include "text/regex.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace ebb {

[[nodiscard]] Result<std::unique_ptr<Tokenizer>> LoadTiktokenTokenizer(
    const std::map<std::string, std::string>& files);

// The base tokens of a tiktoken.model: lines of a token in base64, a space and its rank, where the
// ranks are 0, 1, 2, ... in order and all 256 bytes are tokens.
[[nodiscard]] Result<Vocabulary> ReadTiktokenModel(std::string_view text, const std::string& where);

class TiktokenTokenizer : public Tokenizer {
 public:
  struct Parts {
    Vocabulary base;
    struct Special {
      std::string name;
      bool special = true;  // false: tokenizer_config.json says that decoders keep it
    };
    std::vector<Special> specials;  // of the ids from base.size() on
    AddedTokenFinder special_finder;
    std::unique_ptr<Regex> split;
    bool add_bos = false;  // tokenizer_config.json's add_bos_token and add_eos_token: false when
    bool add_eos = false;  // they are not there, as for Moonlight
    int32_t text_eos_id = kNoToken;  // what add_eos adds
  };
  explicit TiktokenTokenizer(Parts parts) : parts_(std::move(parts)) {}

  std::string Decode(std::span<const int32_t> ids, bool skip_special_tokens) const override;
  std::unique_ptr<StreamDecoder> MakeStreamDecoder(bool skip_special_tokens) const override;
  std::string Piece(int32_t id) const override;
  int32_t vocab_size() const override;
  std::optional<int32_t> IdOf(std::string_view token) const override;
  bool IsSpecial(int32_t id) const override;
  uint64_t memory_bytes() const override;

 protected:
  Result<std::vector<int32_t>> EncodeValid(std::string_view text,
                                           bool add_special_tokens) const override;

 private:
  friend Result<std::unique_ptr<Tokenizer>> LoadTiktokenTokenizer(
      const std::map<std::string, std::string>& files);
  class Stream;
  struct Call;  // the working memory of one Encode

  [[nodiscard]] Status EncodeStretch(std::string_view text, Call* call) const;
  void EncodeWord(std::string_view word, Call* call) const;
  // The id's place in parts_.specials, or null.
  const Parts::Special* SpecialOf(int32_t id) const;

  Parts parts_;
};

}  // namespace ebb
