#include "text/tiktoken_tokenizer.h"

#include <utility>

#include "text/pre_tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include "text/word_cache.h"
#include "text/word_list.h"

namespace ebb {
namespace {

// The published class cuts a text before tiktoken sees it, to spare its regex engine: after this
// many characters, and where a run of spaces or of other characters gets this long. The cuts
// change the ids there, so they are part of what "equal" means.
constexpr size_t kMaxEncodeCharacters = 400'000;
constexpr size_t kMaxRunCharacters = 25'000;

// Calls encode(stretch) for each stretch between two cuts.
template <typename Encode>
Status ForEachStretch(std::string_view text, const Encode& encode) {
  size_t begin = 0;
  size_t characters = 0;  // since the last cut by kMaxEncodeCharacters
  size_t run = 0;
  bool run_is_space = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Unit unit = ReadValidUtf8(text, at);
    const bool is_space = IsPythonSpace(unit.code_point);
    const bool is_full = characters == kMaxEncodeCharacters;
    if (is_full || characters == 0 || is_space != run_is_space) {
      run = 0;
      run_is_space = is_space;
    }
    if (is_full || run == kMaxRunCharacters) {
      EBB_TRY(encode(text.substr(begin, at - begin)));
      begin = at;
      run = 0;
      if (is_full) characters = 0;
    }
    ++run;
    ++characters;
    at += unit.size_bytes;
  }
  return encode(text.substr(begin));
}

// A pair's rank is the id of its bytes, if they are a token.
struct ByRank {
  std::string_view word;
  const Vocabulary& vocabulary;

  bool Find(const Symbol& left, const Symbol& right, Merge* merge) const {
    const int32_t id = vocabulary.Find(word.substr(left.begin, right.end - left.begin));
    if (id == kNoToken) return false;
    *merge = {static_cast<uint32_t>(id), id};
    return true;
  }
};

}  // namespace

struct TiktokenTokenizer::Call {
  explicit Call(size_t text_bytes) : cache(text_bytes) {}
  std::vector<int32_t> ids;
  MergeScratch scratch;
  WordCache cache;
};

class TiktokenTokenizer::Stream : public StreamDecoder {
 public:
  Stream(const TiktokenTokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}

  std::string Push(int32_t id) override {
    if (skip_special_tokens_ && tokenizer_.IsSpecial(id)) return "";
    return assembler_.Push(tokenizer_.Piece(id));
  }
  std::string Finish() override { return assembler_.Finish(); }

 private:
  const TiktokenTokenizer& tokenizer_;
  bool skip_special_tokens_;
  Utf8Assembler assembler_;
};

Result<std::vector<int32_t>> TiktokenTokenizer::EncodeValid(std::string_view text,
                                                            bool add_special_tokens) const {
  Call call(text.size());
  if (add_special_tokens && parts_.add_bos && bos_id()) call.ids.push_back(*bos_id());
  EBB_TRY(ForEachStretch(text, [&](std::string_view stretch) -> Status {
    for (const AddedTokenFinder::Piece& piece : parts_.special_finder.Find(stretch)) {
      if (piece.id != kNoToken) {
        call.ids.push_back(piece.id);
      } else {
        EBB_TRY(EncodeStretch(stretch.substr(piece.begin, piece.end - piece.begin), &call));
      }
    }
    return {};
  }));
  if (add_special_tokens && parts_.add_eos && parts_.text_eos_id != kNoToken) {
    call.ids.push_back(parts_.text_eos_id);
  }
  return std::move(call.ids);
}

Status TiktokenTokenizer::EncodeStretch(std::string_view text, Call* call) const {
  WordList words(std::string(text), 0);
  // Only what the pattern matches is encoded; it matches everything.
  EBB_TRY(SplitByRegex(*parts_.split, SplitBehavior::kRemoved, /*invert=*/true, &words));
  for (const WordList::Word range : words.words()) EncodeWord(words.TextOf(range), call);
  return {};
}

void TiktokenTokenizer::EncodeWord(std::string_view word, Call* call) const {
  if (call->cache.Append(word, &call->ids)) return;
  const size_t begin = call->ids.size();
  const int32_t whole = parts_.base.Find(word);
  if (whole != kNoToken) {
    call->ids.push_back(whole);
  } else {
    std::vector<Symbol>& symbols = call->scratch.symbols;
    symbols.clear();
    for (uint32_t at = 0; at < word.size(); ++at) {
      symbols.push_back({parts_.base.Find(word.substr(at, 1)), at, at + 1});
    }
    MergeSymbols(ByRank{word, parts_.base}, &call->scratch);
    for (const Symbol& symbol : symbols) call->ids.push_back(symbol.id);
  }
  call->cache.Remember(word, call->ids, begin);
}

std::string TiktokenTokenizer::Decode(std::span<const int32_t> ids,
                                      bool skip_special_tokens) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!skip_special_tokens || !IsSpecial(id)) bytes += Piece(id);
  }
  return ReplaceInvalidUtf8(bytes);
}

std::unique_ptr<StreamDecoder> TiktokenTokenizer::MakeStreamDecoder(
    bool skip_special_tokens) const {
  return std::make_unique<Stream>(*this, skip_special_tokens);
}

std::string TiktokenTokenizer::Piece(int32_t id) const {
  if (parts_.base.Contains(id)) return std::string(parts_.base.TokenOf(id));
  const Parts::Special* special = SpecialOf(id);
  return special == nullptr ? "" : special->name;
}

const TiktokenTokenizer::Parts::Special* TiktokenTokenizer::SpecialOf(int32_t id) const {
  const int64_t at = int64_t{id} - parts_.base.size();
  if (at < 0 || at >= static_cast<int64_t>(parts_.specials.size())) return nullptr;
  return &parts_.specials[static_cast<size_t>(at)];
}

int32_t TiktokenTokenizer::vocab_size() const {
  return parts_.base.size() + static_cast<int32_t>(parts_.specials.size());
}

std::optional<int32_t> TiktokenTokenizer::IdOf(std::string_view token) const {
  for (size_t i = 0; i < parts_.specials.size(); ++i) {
    if (parts_.specials[i].name == token) return parts_.base.size() + static_cast<int32_t>(i);
  }
  const int32_t id = parts_.base.Find(token);
  if (id == kNoToken) return std::nullopt;
  return id;
}

bool TiktokenTokenizer::IsSpecial(int32_t id) const {
  const Parts::Special* special = SpecialOf(id);
  return special != nullptr && special->special;
}

uint64_t TiktokenTokenizer::memory_bytes() const {
  uint64_t bytes = sizeof(*this) + parts_.base.memory_bytes() +
                   parts_.special_finder.memory_bytes() + parts_.split->memory_bytes();
  for (const Parts::Special& special : parts_.specials) {
    bytes += sizeof(special) + special.name.capacity();
  }
  return bytes;
}

}  // namespace ebb
