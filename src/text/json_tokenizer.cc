#include "text/json_tokenizer.h"

#include <utility>

namespace ebb {

struct JsonTokenizer::Call {
  explicit Call(size_t text_bytes) : cache(text_bytes) {}
  std::vector<int32_t> ids;
  MergeScratch scratch;
  WordCache cache;
};

class JsonTokenizer::Stream : public StreamDecoder {
 public:
  Stream(const JsonTokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(tokenizer),
        skip_special_tokens_(skip_special_tokens),
        run_(*tokenizer.parts_.decoder, /*streaming=*/true) {}

  std::string Push(int32_t id) override {
    const std::optional<std::string_view> text = tokenizer_.TextOf(id, skip_special_tokens_);
    if (text) run_.Push(*text);
    return run_.TakeText();
  }
  std::string Finish() override {
    run_.Finish();
    return run_.TakeText();
  }

 private:
  const JsonTokenizer& tokenizer_;
  bool skip_special_tokens_;
  TokenDecoder::Run run_;
};

Result<std::vector<int32_t>> JsonTokenizer::EncodeValid(std::string_view text,
                                                        bool add_special_tokens) const {
  Call call(text.size());
  for (const AddedTokenFinder::Piece& piece : parts_.raw_finder.Find(text)) {
    if (piece.id != kNoToken) {
      call.ids.push_back(piece.id);
      continue;
    }
    EBB_TRY(
        EncodeStretch(text.substr(piece.begin, piece.end - piece.begin), piece.begin == 0, &call));
  }
  return parts_.post_processor.Apply(std::move(call.ids), add_special_tokens);
}

// Normalises a stretch between added tokens and looks for those that normalisation shows.
Status JsonTokenizer::EncodeStretch(std::string_view text, bool starts_input, Call* call) const {
  const size_t first_bytes = text.empty() ? 0 : ReadValidUtf8(text, 0).size_bytes;
  NormalizedText normalized{std::string(text), starts_input ? first_bytes : 0};
  if (parts_.normalizer != nullptr) EBB_TRY(parts_.normalizer->Apply(&normalized));
  const std::vector<AddedTokenFinder::Piece> pieces =
      parts_.normalized_finder.Find(normalized.text);
  if (pieces.size() == 1 && pieces[0].id == kNoToken) {
    return EncodeWords(std::move(normalized.text), normalized.start_bytes, call);
  }
  for (const AddedTokenFinder::Piece& piece : pieces) {
    if (piece.id != kNoToken) {
      call->ids.push_back(piece.id);
      continue;
    }
    const size_t start_bytes =
        normalized.start_bytes - std::min(normalized.start_bytes, piece.begin);
    EBB_TRY(EncodeWords(normalized.text.substr(piece.begin, piece.end - piece.begin), start_bytes,
                        call));
  }
  return {};
}

Status JsonTokenizer::EncodeWords(std::string text, size_t start_bytes, Call* call) const {
  WordList words(std::move(text), start_bytes);
  if (parts_.pre_tokenizer != nullptr) EBB_TRY(parts_.pre_tokenizer->Apply(&words));
  for (const WordList::Word range : words.words()) {
    const std::string_view word = words.TextOf(range);
    if (call->cache.Append(word, &call->ids)) continue;
    const size_t begin = call->ids.size();
    EBB_TRY(parts_.model->Encode(word, &call->scratch, &call->ids));
    call->cache.Remember(word, call->ids, begin);
  }
  return {};
}

std::optional<std::string_view> JsonTokenizer::TextOf(int32_t id, bool skip_special_tokens) const {
  const auto added = parts_.added.find(id);
  if (added != parts_.added.end()) {
    if (skip_special_tokens && added->second.skipped) return std::nullopt;
    return added->second.text;
  }
  const Vocabulary& vocabulary = parts_.model->vocabulary();
  if (!vocabulary.Contains(id)) return std::nullopt;
  return vocabulary.TokenOf(id);
}

std::string JsonTokenizer::Decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  TokenDecoder::Run run(*parts_.decoder, /*streaming=*/false);
  for (const int32_t id : ids) {
    const std::optional<std::string_view> text = TextOf(id, skip_special_tokens);
    if (text) run.Push(*text);
  }
  run.Finish();
  return run.TakeText();
}

std::unique_ptr<StreamDecoder> JsonTokenizer::MakeStreamDecoder(bool skip_special_tokens) const {
  return std::make_unique<Stream>(*this, skip_special_tokens);
}

std::string JsonTokenizer::Piece(int32_t id) const {
  if (IsSpecial(id)) return parts_.added.at(id).text;
  const std::optional<std::string_view> text = TextOf(id, false);
  return text ? parts_.decoder->PieceOf(*text) : "";
}

std::optional<int32_t> JsonTokenizer::IdOf(std::string_view token) const {
  const auto added = parts_.added_ids.find(std::string(token));
  if (added != parts_.added_ids.end()) return added->second;
  const int32_t id = parts_.model->vocabulary().Find(token);
  if (id == kNoToken) return std::nullopt;
  return id;
}

bool JsonTokenizer::IsSpecial(int32_t id) const {
  const auto added = parts_.added.find(id);
  return added != parts_.added.end() && added->second.special;
}

uint64_t JsonTokenizer::memory_bytes() const {
  uint64_t bytes = sizeof(*this) + parts_.model->memory_bytes() + parts_.raw_finder.memory_bytes() +
                   parts_.normalized_finder.memory_bytes();
  if (parts_.normalizer != nullptr) bytes += parts_.normalizer->memory_bytes();
  if (parts_.pre_tokenizer != nullptr) bytes += parts_.pre_tokenizer->memory_bytes();
  // A node of an unordered_map: its pair, a hash and two pointers.
  constexpr uint64_t kNodeBytes = 3 * sizeof(void*);
  for (const auto& [content, id] : parts_.added_ids) {
    bytes += sizeof(content) + content.capacity() + sizeof(id) + kNodeBytes;
  }
  for (const auto& [id, added] : parts_.added) {
    bytes += sizeof(added) + added.text.capacity() + sizeof(id) + kNodeBytes;
  }
  return bytes;
}

}  // namespace ebb
