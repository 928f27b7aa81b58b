// A tokenizer for tests of what is around it: token i is the letter 'a' + i % 26.
#pragma once

#include <string>

#include "text/tokenizer.h"

namespace ebb {

class ByteTokenizer final : public Tokenizer {
 public:
  explicit ByteTokenizer(int32_t vocab_size) : vocab_size_(vocab_size) {}

  void set_eos(int32_t id) {
    const std::string config = "{\"eos_token_id\": " + std::to_string(id) + "}";
    EBB_CHECK(ReadEndTokens({{"generation_config.json", config}}).has_value());
  }

  std::string Decode(std::span<const int32_t> ids, bool) const override {
    std::string text;
    for (const int32_t id : ids) text += Piece(id);
    return text;
  }
  std::unique_ptr<StreamDecoder> MakeStreamDecoder(bool) const override {
    class Stream final : public StreamDecoder {
     public:
      std::string Push(int32_t id) override { return {static_cast<char>('a' + id % 26)}; }
      std::string Finish() override { return {}; }
    };
    return std::make_unique<Stream>();
  }
  std::string Piece(int32_t id) const override { return {static_cast<char>('a' + id % 26)}; }
  int32_t vocab_size() const override { return vocab_size_; }
  std::optional<int32_t> IdOf(std::string_view) const override { return std::nullopt; }
  bool IsSpecial(int32_t) const override { return false; }
  uint64_t memory_bytes() const override { return 0; }

 protected:
  Result<std::vector<int32_t>> EncodeValid(std::string_view text, bool) const override {
    return std::vector<int32_t>(text.begin(), text.end());
  }

 private:
  int32_t vocab_size_;
};

}  // namespace ebb
