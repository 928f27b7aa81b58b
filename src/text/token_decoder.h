// Token texts back to text: the components of tokenizer.json's "decoder".
//
// A TokenDecoder is a chain of stages, each of which takes texts and gives texts on. Decoding a
// whole list of ids and streaming them one by one run the same stages, so they cannot differ:
// a stage gives on what no later token can change and keeps the rest until Finish.
// Immutable and thread-safe; a DecoderState belongs to one stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ebb {

// Where a stage gives its text: the next stage, or the result.
using TextSink = std::function<void(std::string_view text)>;

class DecoderState {
 public:
  virtual ~DecoderState() = default;
  virtual void Push(std::string_view token, const TextSink& sink) = 0;
  virtual void Finish(const TextSink&) {}
};

class DecoderStage {
 public:
  virtual ~DecoderStage() = default;
  // `streaming`: give text on as soon as it is complete, where a later token could only show that
  // the bytes were broken (ByteFallback).
  virtual std::unique_ptr<DecoderState> NewState(bool streaming) const = 0;
  // What the stage makes of one token in the middle of a text.
  virtual std::string PieceOf(std::string_view token) const { return std::string(token); }
};

class TokenDecoder {
 public:
  // Sequence, ByteLevel, ByteFallback, Fuse, Metaspace, Replace (of a String) and Strip; null
  // joins the tokens by spaces, as Hugging Face does. Anything else is kUnsupported.
  [[nodiscard]] static Result<TokenDecoder> Make(const Json& json, const std::string& where);

  // One text being decoded.
  class Run {
   public:
    Run(const TokenDecoder& decoder, bool streaming);
    void Push(std::string_view token);
    void Finish();
    std::string TakeText() { return std::exchange(text_, {}); }

   private:
    void PushTo(size_t stage, std::string_view token);

    std::vector<std::unique_ptr<DecoderState>> states_;
    std::string text_;
  };

  // The bytes that a token adds in the middle of a text; they may be part of a character.
  std::string PieceOf(std::string_view token) const;

 private:
  [[nodiscard]] Status AddStage(const Json& json, const std::string& where);
  [[nodiscard]] Status AddPlainStage(const std::string& type, const Json& json,
                                     const std::string& where);

  std::vector<std::unique_ptr<DecoderStage>> stages_;
  bool fused_ = false;  // the stages so far have made one text of all tokens
};

}  // namespace ebb
