// Remembers how short words were tokenized, within one call of Encode.
//
// Natural text repeats its words, and looking one up is some ten times cheaper than merging it. A
// fixed table of 2048 words of at most 24 bytes (64 KiB); a newer word takes an older one's place.
// It stores no ids: they stand in the call's own output, where the word first came.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace ebb {

class WordCache {
 public:
  // A text shorter than this is not worth the table.
  static constexpr size_t kWorthwhileBytes = 4096;

  explicit WordCache(size_t text_bytes) {
    if (text_bytes >= kWorthwhileBytes) slots_.resize(kSlots);
  }

  // Appends the word's ids to `ids` and returns true, if it is known.
  bool Append(std::string_view word, std::vector<int32_t>* ids) {
    last_ = nullptr;
    if (slots_.empty() || word.size() > kMaxWordBytes) return false;
    const uint64_t hash = Xxh3(std::as_bytes(std::span<const char>(word.data(), word.size())));
    Slot& slot = slots_[hash % kSlots];
    const std::string_view known(slot.word.data(), slot.word_bytes);
    if (slot.id_count > 0 && known == word) {
      for (uint32_t i = 0; i < slot.id_count; ++i) ids->push_back((*ids)[slot.ids_begin + i]);
      return true;
    }
    last_ = &slot;
    return false;
  }

  // Remembers the word that Append did not know: its ids are ids[begin..].
  void Remember(std::string_view word, const std::vector<int32_t>& ids, size_t begin) {
    const size_t count = ids.size() - begin;
    if (last_ == nullptr || count == 0 || count > UINT16_MAX || begin > UINT32_MAX) return;
    std::memcpy(last_->word.data(), word.data(), word.size());
    last_->word_bytes = static_cast<uint16_t>(word.size());
    last_->id_count = static_cast<uint16_t>(count);
    last_->ids_begin = static_cast<uint32_t>(begin);
  }

 private:
  static constexpr size_t kSlots = 2048;
  static constexpr size_t kMaxWordBytes = 24;
  struct Slot {
    std::array<char, kMaxWordBytes> word{};
    uint32_t ids_begin = 0;
    uint16_t word_bytes = 0;
    uint16_t id_count = 0;
  };

  std::vector<Slot> slots_;
  Slot* last_ = nullptr;  // where the word that Append did not know belongs
};

}  // namespace ebb
