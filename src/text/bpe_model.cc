#include "text/bpe_model.h"

#include <bit>
#include <limits>
#include <utility>

#include "text/utf8.h"

namespace ebb {
namespace {

constexpr uint64_t kEmpty = std::numeric_limits<uint64_t>::max();

uint64_t PairOf(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Merging needs no more of a symbol's place than its order.
void Append(int32_t id, MergeScratch* scratch) {
  const uint32_t at = static_cast<uint32_t>(scratch->symbols.size());
  scratch->symbols.push_back({id, at, at + 1});
}

}  // namespace

MergeTable::MergeTable(size_t merges) {
  const size_t size = std::bit_ceil(merges + merges / 3 + 2);
  slots_.assign(size, Slot{kEmpty, {}});
  shift_ = 64 - std::countr_zero(size);
}

size_t MergeTable::Locate(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  size_t at = static_cast<size_t>((pair ^ pair >> 32) * 0x9E3779B97F4A7C15u >> shift_);
  while (slots_[at].pair != pair && slots_[at].pair != kEmpty) at = (at + 1) & mask;
  return at;
}

void MergeTable::Insert(int32_t left, int32_t right, Merge merge) {
  const uint64_t pair = PairOf(left, right);
  slots_[Locate(pair)] = {pair, merge};
}

bool MergeTable::Find(const Symbol& left, const Symbol& right, Merge* merge) const {
  const Slot& slot = slots_[Locate(PairOf(left.id, right.id))];
  if (slot.pair == kEmpty) return false;
  *merge = slot.merge;
  return true;
}

BpeModel::BpeModel(Vocabulary vocabulary, MergeTable merges, BpeOptions options)
    : vocabulary_(std::move(vocabulary)),
      merges_(std::move(merges)),
      options_(std::move(options)),
      unk_id_(options_.unk_token ? vocabulary_.Find(*options_.unk_token) : kNoToken) {
  for (char32_t c = 0; c < common_ids_.size(); ++c) {
    std::string character;
    AppendUtf8(c, &character);
    common_ids_[c] = vocabulary_.Find(character);
  }
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    byte_ids_[byte] = vocabulary_.Find(fmt::format("<0x{:02X}>", byte));
  }
}

int32_t BpeModel::IdOfCharacter(char32_t code_point, std::string_view character) const {
  if (code_point < common_ids_.size()) return common_ids_[code_point];
  return vocabulary_.Find(character);
}

// Byte fallback: one symbol a byte, if the vocabulary has all of them.
bool BpeModel::AppendBytes(std::string_view character, MergeScratch* scratch) const {
  for (const char byte : character) {
    if (byte_ids_[static_cast<uint8_t>(byte)] == kNoToken) return false;
  }
  for (const char byte : character) Append(byte_ids_[static_cast<uint8_t>(byte)], scratch);
  return true;
}

Status BpeModel::MakeSymbols(std::string_view word, MergeScratch* scratch) const {
  scratch->symbols.clear();
  // An unknown character waits, because the next one may be fused with it. It also waits while
  // byte fallback adds symbols, which so come before it: Hugging Face's order, kept.
  bool unknown_waits = false;
  for (size_t at = 0; at < word.size();) {
    const Utf8Unit unit = ReadValidUtf8(word, at);
    const std::string_view character = word.substr(at, unit.size_bytes);
    at += unit.size_bytes;
    const int32_t id = IdOfCharacter(unit.code_point, character);
    if (id != kNoToken) {
      if (std::exchange(unknown_waits, false)) Append(unk_id_, scratch);
      Append(id, scratch);
      continue;
    }
    if (options_.byte_fallback && AppendBytes(character, scratch)) continue;
    if (!options_.unk_token) continue;
    if (unk_id_ == kNoToken) {
      return MakeError(ErrorCode::kCorrupt, "tokenizer.json: model",
                       "the text needs the unknown token \"{}\", which is not in the vocabulary",
                       *options_.unk_token);
    }
    if (unknown_waits && !options_.fuse_unk) Append(unk_id_, scratch);
    unknown_waits = true;
  }
  if (unknown_waits) Append(unk_id_, scratch);
  return {};
}

Status BpeModel::Encode(std::string_view word, MergeScratch* scratch,
                        std::vector<int32_t>* ids) const {
  if (options_.ignore_merges) {
    const int32_t id = vocabulary_.Find(word);
    if (id != kNoToken) {
      ids->push_back(id);
      return {};
    }
  }
  EBB_TRY(MakeSymbols(word, scratch));
  MergeSymbols(merges_, scratch);
  for (const Symbol& symbol : scratch->symbols) ids->push_back(symbol.id);
  return {};
}

uint64_t BpeModel::memory_bytes() const {
  return sizeof(*this) + vocabulary_.memory_bytes() + merges_.memory_bytes();
}

}  // namespace ebb
