#include "text/token_decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "text/byte_level.h"
#include "text/json_fields.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace ebb {
namespace {

// Stages that keep nothing share this state.
class PieceState : public DecoderState {
 public:
  explicit PieceState(const DecoderStage& stage) : stage_(stage) {}
  void Push(std::string_view token, const TextSink& sink) override { sink(stage_.PieceOf(token)); }

 private:
  const DecoderStage& stage_;
};

// From the byte-level alphabet to bytes. A token with any other character counts as it is.
class ByteLevelStage : public DecoderStage {
 public:
  // Bytes become characters when the last byte of one has come; what is broken becomes U+FFFD.
  class State : public DecoderState {
   public:
    explicit State(const ByteLevelStage& stage) : stage_(stage) {}
    void Push(std::string_view token, const TextSink& sink) override {
      Give(assembler_.Push(stage_.PieceOf(token)), sink);
    }
    void Finish(const TextSink& sink) override { Give(assembler_.Finish(), sink); }

   private:
    static void Give(const std::string& text, const TextSink& sink) {
      if (!text.empty()) sink(text);
    }

    const ByteLevelStage& stage_;
    Utf8Assembler assembler_;
  };

  std::unique_ptr<DecoderState> NewState(bool) const override {
    return std::make_unique<State>(*this);
  }
  std::string PieceOf(std::string_view token) const override {
    return CharactersToBytes(token).value_or(std::string(token));
  }
};

// "<0xE4>" becomes the byte, and bytes in a row become characters: all of them, or, if they are
// not UTF-8 together, each one U+FFFD.
class ByteFallbackStage : public DecoderStage {
 public:
  static std::optional<char> ByteOf(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
    uint8_t byte = 0;
    const char* end = token.data() + 5;
    const auto parsed = std::from_chars(token.data() + 3, end, byte, 16);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return static_cast<char>(byte);
  }

  class State : public DecoderState {
   public:
    explicit State(bool streaming) : streaming_(streaming) {}
    void Push(std::string_view token, const TextSink& sink) override {
      const std::optional<char> byte = ByteOf(token);
      if (byte) {
        bytes_.push_back(*byte);
        if (streaming_ && IsValidUtf8(bytes_)) Finish(sink);
        return;
      }
      Finish(sink);
      sink(token);
    }
    void Finish(const TextSink& sink) override {
      if (bytes_.empty()) return;
      if (IsValidUtf8(bytes_)) {
        sink(bytes_);
      } else {
        for (size_t i = 0; i < bytes_.size(); ++i) sink(kReplacementUtf8);
      }
      bytes_.clear();
    }

   private:
    bool streaming_;
    std::string bytes_;
  };

  std::unique_ptr<DecoderState> NewState(bool streaming) const override {
    return std::make_unique<State>(streaming);
  }
  std::string PieceOf(std::string_view token) const override {
    const std::optional<char> byte = ByteOf(token);
    return byte ? std::string(1, *byte) : std::string(token);
  }
};

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string replaced;
  for (size_t at = 0;;) {
    const size_t found = text.find(from, at);
    replaced += text.substr(at, found - at);
    if (found == std::string_view::npos) return replaced;
    replaced += to;
    at = found + from.size();
  }
}

class ReplaceStage : public DecoderStage {
 public:
  ReplaceStage(std::string from, std::string to, bool fused)
      : from_(std::move(from)), to_(std::move(to)), fused_(fused) {}

  // In a fused text a match may lie across two pieces: keeps an end that could begin one.
  class FusedState : public DecoderState {
   public:
    explicit FusedState(const ReplaceStage& stage) : stage_(stage) {}
    void Push(std::string_view token, const TextSink& sink) override {
      kept_ += token;
      std::string text;
      size_t at = 0;
      for (size_t found; (found = kept_.find(stage_.from_, at)) != std::string::npos;) {
        text += std::string_view(kept_).substr(at, found - at);
        text += stage_.to_;
        at = found + stage_.from_.size();
      }
      size_t keep = std::min(kept_.size() - at, stage_.from_.size() - 1);
      while (!stage_.from_.starts_with(std::string_view(kept_).substr(kept_.size() - keep))) --keep;
      text += std::string_view(kept_).substr(at, kept_.size() - keep - at);
      kept_.erase(0, kept_.size() - keep);
      if (!text.empty()) sink(text);
    }
    void Finish(const TextSink& sink) override {
      if (!kept_.empty()) sink(std::exchange(kept_, {}));
    }

   private:
    const ReplaceStage& stage_;
    std::string kept_;
  };

  std::unique_ptr<DecoderState> NewState(bool) const override {
    if (fused_) return std::make_unique<FusedState>(*this);
    return std::make_unique<PieceState>(*this);
  }
  std::string PieceOf(std::string_view token) const override {
    return ReplaceAll(token, from_, to_);
  }

 private:
  std::string from_;  // not empty
  std::string to_;
  bool fused_;
};

// The replacement character becomes a space; in the first token it goes (unless "never").
class MetaspaceStage : public DecoderStage {
 public:
  MetaspaceStage(MetaspaceOptions options, bool fused)
      : options_(std::move(options)), fused_(fused) {}

  class State : public DecoderState {
   public:
    explicit State(const MetaspaceStage& stage) : stage_(stage) {}
    void Push(std::string_view token, const TextSink& sink) override {
      const bool drops = is_first_ && stage_.options_.prepend != MetaspaceOptions::Prepend::kNever;
      sink(ReplaceAll(token, stage_.options_.replacement, drops ? "" : " "));
      is_first_ = stage_.fused_;  // a fused text is one token to its end
    }

   private:
    const MetaspaceStage& stage_;
    bool is_first_ = true;
  };

  std::unique_ptr<DecoderState> NewState(bool) const override {
    return std::make_unique<State>(*this);
  }
  std::string PieceOf(std::string_view token) const override {
    return ReplaceAll(token, options_.replacement, " ");
  }

 private:
  MetaspaceOptions options_;
  bool fused_;
};

// Takes up to `start` and `stop` times a character from the ends of every token, or of the whole
// text if it is fused.
class StripStage : public DecoderStage {
 public:
  StripStage(std::string content, size_t start, size_t stop, bool fused)
      : content_(std::move(content)), start_(start), stop_(stop), fused_(fused) {}

  class FusedState : public DecoderState {
   public:
    explicit FusedState(const StripStage& stage) : stage_(stage), start_left_(stage.start_) {}
    void Push(std::string_view token, const TextSink& sink) override {
      while (start_left_ > 0 && token.starts_with(stage_.content_)) {
        token.remove_prefix(stage_.content_.size());
        --start_left_;
      }
      if (token.empty()) return;
      start_left_ = 0;
      kept_ += token;
      size_t end = kept_.size();
      for (size_t i = 0; i < stage_.stop_ && EndsWithContent(end); ++i) {
        end -= stage_.content_.size();
      }
      sink(std::string_view(kept_).substr(0, end));
      kept_.erase(0, end);  // what stays is stripped unless more text follows
    }

   private:
    bool EndsWithContent(size_t end) const {
      return std::string_view(kept_).substr(0, end).ends_with(stage_.content_);
    }

    const StripStage& stage_;
    size_t start_left_;
    std::string kept_;
  };

  std::unique_ptr<DecoderState> NewState(bool) const override {
    if (fused_) return std::make_unique<FusedState>(*this);
    return std::make_unique<PieceState>(*this);
  }
  std::string PieceOf(std::string_view token) const override {
    if (fused_) return std::string(token);
    for (size_t i = 0; i < start_ && token.starts_with(content_); ++i) {
      token.remove_prefix(content_.size());
    }
    for (size_t i = 0; i < stop_ && token.ends_with(content_); ++i) {
      token.remove_suffix(content_.size());
    }
    return std::string(token);
  }

 private:
  std::string content_;  // one character
  size_t start_;
  size_t stop_;
  bool fused_;
};

// Without a decoder Hugging Face joins the tokens by spaces.
class JoinStage : public DecoderStage {
 public:
  class State : public DecoderState {
   public:
    void Push(std::string_view token, const TextSink& sink) override {
      if (!std::exchange(is_first_, false)) sink(" ");
      sink(token);
    }

   private:
    bool is_first_ = true;
  };
  std::unique_ptr<DecoderState> NewState(bool) const override { return std::make_unique<State>(); }
};

}  // namespace

Result<TokenDecoder> TokenDecoder::Make(const Json& json, const std::string& where) {
  TokenDecoder decoder;
  if (json.is_null()) {
    decoder.stages_.push_back(std::make_unique<JoinStage>());
  } else {
    EBB_TRY(decoder.AddStage(json, where));
  }
  return decoder;
}

Status TokenDecoder::AddStage(const Json& json, const std::string& where) {
  EBB_TRY_ASSIGN(const std::string type, GetType(json, where));
  if (type == "Sequence") {
    EBB_TRY(CheckKeys(json, {"type", "decoders"}, where));
    EBB_TRY_ASSIGN(const Json* list, GetArray(json, "decoders", where));
    for (size_t i = 0; i < list->size(); ++i) {
      EBB_TRY(AddStage((*list)[i], fmt::format("{}.decoders[{}]", where, i)));
    }
    return {};
  }
  if (type == "Metaspace") {
    EBB_TRY_ASSIGN(MetaspaceOptions options, ReadMetaspace(json, where));
    stages_.push_back(std::make_unique<MetaspaceStage>(std::move(options), fused_));
    return {};
  }
  if (type == "Replace") {
    EBB_TRY(CheckKeys(json, {"type", "pattern", "content"}, where));
    const auto pattern = json.find("pattern");
    const bool is_string = pattern != json.end() && pattern->is_object() && pattern->size() == 1 &&
                           pattern->contains("String");
    if (!is_string) {
      return MakeError(ErrorCode::kUnsupported, where,
                       "a Replace decoder without a String pattern");
    }
    EBB_TRY_ASSIGN(std::string from, GetString(*pattern, "String", where));
    EBB_TRY_ASSIGN(std::string to, GetString(json, "content", where));
    if (from.empty()) {
      return MakeError(ErrorCode::kUnsupported, where, "a Replace decoder of an empty String");
    }
    stages_.push_back(std::make_unique<ReplaceStage>(std::move(from), std::move(to), fused_));
    return {};
  }
  if (type == "Strip") {
    EBB_TRY(CheckKeys(json, {"type", "content", "start", "stop"}, where));
    EBB_TRY_ASSIGN(std::string content, GetCharacter(json, "content", where));
    constexpr int64_t kMaxStrip = 1 << 20;
    EBB_TRY_ASSIGN(const int64_t start, GetInt(json, "start", 0, kMaxStrip, where));
    EBB_TRY_ASSIGN(const int64_t stop, GetInt(json, "stop", 0, kMaxStrip, where));
    stages_.push_back(std::make_unique<StripStage>(std::move(content), static_cast<size_t>(start),
                                                   static_cast<size_t>(stop), fused_));
    return {};
  }
  return AddPlainStage(type, json, where);
}

Status TokenDecoder::AddPlainStage(const std::string& type, const Json& json,
                                   const std::string& where) {
  if (type == "Fuse") {
    EBB_TRY(CheckKeys(json, {"type"}, where));
    fused_ = true;
    return {};
  }
  if (type == "ByteLevel") {
    EBB_TRY(CheckKeys(json, {"type", "add_prefix_space", "trim_offsets", "use_regex"}, where));
  } else if (type == "ByteFallback") {
    EBB_TRY(CheckKeys(json, {"type"}, where));
  } else {
    return UnknownComponent(type, "decoder", where);
  }
  if (fused_) {
    return MakeError(ErrorCode::kUnsupported, where, "a {} decoder after the tokens were fused",
                     type);
  }
  if (type == "ByteLevel") {
    stages_.push_back(std::make_unique<ByteLevelStage>());
    fused_ = true;
  } else {
    stages_.push_back(std::make_unique<ByteFallbackStage>());
  }
  return {};
}

std::string TokenDecoder::PieceOf(std::string_view token) const {
  std::string piece(token);
  for (const auto& stage : stages_) piece = stage->PieceOf(piece);
  return piece;
}

TokenDecoder::Run::Run(const TokenDecoder& decoder, bool streaming) {
  for (const auto& stage : decoder.stages_) states_.push_back(stage->NewState(streaming));
}

void TokenDecoder::Run::PushTo(size_t stage, std::string_view token) {
  if (stage == states_.size()) {
    text_ += token;
    return;
  }
  states_[stage]->Push(token, [&](std::string_view text) { PushTo(stage + 1, text); });
}

void TokenDecoder::Run::Push(std::string_view token) { PushTo(0, token); }

void TokenDecoder::Run::Finish() {
  for (size_t stage = 0; stage < states_.size(); ++stage) {
    states_[stage]->Finish([&](std::string_view text) { PushTo(stage + 1, text); });
  }
}

}  // namespace ebb
