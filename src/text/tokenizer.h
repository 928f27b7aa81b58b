// Tokenizers: text to token ids and back, as Hugging Face's `tokenizers` and tiktoken do it.
//
// LoadTokenizer reads a model's own files. A Tokenizer is immutable: all its methods may be called
// from many threads at once. It keeps no cache between calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

// Turns ids into text as they come. All that Push and Finish give, joined, is what
// Tokenizer::Decode gives for the whole list, with one exception: bytes that a byte-fallback
// vocabulary spells one by one are given as soon as they are whole characters, so if the bytes that
// follow are broken, only those become U+FFFD and not the whole run. Not thread-safe; must not
// outlive its tokenizer.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  // The text that this id completes: always valid UTF-8, often empty.
  [[nodiscard]] virtual std::string Push(int32_t id) = 0;
  // What is left; a character whose last bytes never came is U+FFFD.
  [[nodiscard]] virtual std::string Finish() = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The token ids of `text`. Text that spells an added or special token becomes that token.
  // `add_special_tokens` adds what the model's files want around a text (a BOS, for instance).
  //
  // `text` may be any bytes: what is not UTF-8 is first replaced by U+FFFD, as Python's
  // bytes.decode(errors="replace") does, so the ids are those of the replaced text. A text above
  // 256 MiB, or one on which a split pattern exceeds its limits, is kInvalidArgument.
  [[nodiscard]] Result<std::vector<int32_t>> Encode(std::string_view text,
                                                    bool add_special_tokens) const;

  // The text of `ids`, always valid UTF-8: bytes that are no UTF-8 become U+FFFD. Ids that are not
  // in the vocabulary are left out, as are special tokens if `skip_special_tokens`.
  [[nodiscard]] virtual std::string Decode(std::span<const int32_t> ids,
                                           bool skip_special_tokens) const = 0;
  [[nodiscard]] virtual std::unique_ptr<StreamDecoder> MakeStreamDecoder(
      bool skip_special_tokens) const = 0;

  // The bytes that one token adds in the middle of a text: perhaps a part of a character, so not
  // always UTF-8. A special token gives its name; an id outside the vocabulary nothing.
  [[nodiscard]] virtual std::string Piece(int32_t id) const = 0;

  // Ids are 0 to vocab_size() - 1.
  virtual int32_t vocab_size() const = 0;
  // The id of a token as the files spell it ("<s>", and "Ġworld" in a byte-level tokenizer.json).
  [[nodiscard]] virtual std::optional<int32_t> IdOf(std::string_view token) const = 0;
  [[nodiscard]] virtual bool IsSpecial(int32_t id) const = 0;
  // The bytes that the tokenizer holds.
  virtual uint64_t memory_bytes() const = 0;

  // tokenizer_config.json's bos_token.
  std::optional<int32_t> bos_id() const { return bos_id_; }
  // Every id at which a generated text ends, in order: generation_config.json's and config.json's
  // eos_token_id, and tokenizer_config.json's eos_token. The files of one model may name different
  // ones (Moonlight's do), and each of them ends a text.
  const std::vector<int32_t>& eos_ids() const { return eos_ids_; }

 protected:
  // `text` is valid UTF-8.
  [[nodiscard]] virtual Result<std::vector<int32_t>> EncodeValid(std::string_view text,
                                                                 bool add_special_tokens) const = 0;

  // Fills in bos_id and eos_ids.
  [[nodiscard]] Status ReadEndTokens(const std::map<std::string, std::string>& files);

 private:
  std::optional<int32_t> bos_id_;
  std::vector<int32_t> eos_ids_;
};

// Reads tokenizer.json if `files` (file name -> content) has it, else tiktoken.model; beside it
// tokenizer_config.json, generation_config.json and config.json where they exist. Without either
// of the first two: kNotFound. A malformed file is kCorrupt; a component or key whose meaning is
// not implemented is kUnsupported, by its name.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> LoadTokenizer(
    const std::map<std::string, std::string>& files);

}  // namespace ebb
