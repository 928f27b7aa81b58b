// The BPE model of a tokenizer.json: words to token ids.
//
// A word's characters become symbols (through byte fallback or the unknown token where the
// vocabulary lacks one), and merges join them by rank. Immutable and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe_merge.h"
#include "text/vocabulary.h"

namespace ebb {

// (left id, right id) -> rank and joined id: an open-addressing table of 16-byte slots, at most
// 3/4 full. 163,840 merges take 4 MiB.
class MergeTable {
 public:
  explicit MergeTable(size_t merges);
  // A pair given twice keeps its last rank.
  void Insert(int32_t left, int32_t right, Merge merge);
  bool Find(const Symbol& left, const Symbol& right, Merge* merge) const;
  uint64_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    uint64_t pair;
    Merge merge;
  };
  size_t Locate(uint64_t pair) const;

  std::vector<Slot> slots_;
  int shift_ = 0;  // the table uses the hash's highest bits
};

struct BpeOptions {
  std::optional<std::string> unk_token;  // none: characters without a token are dropped
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
};

class BpeModel {
 public:
  BpeModel(Vocabulary vocabulary, MergeTable merges, BpeOptions options);

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Appends the ids of `word` (valid UTF-8). Costs n log n for n bytes.
  [[nodiscard]] Status Encode(std::string_view word, MergeScratch* scratch,
                              std::vector<int32_t>* ids) const;
  uint64_t memory_bytes() const;

 private:
  int32_t IdOfCharacter(char32_t code_point, std::string_view character) const;
  bool AppendBytes(std::string_view character, MergeScratch* scratch) const;
  [[nodiscard]] Status MakeSymbols(std::string_view word, MergeScratch* scratch) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  int32_t unk_id_ = kNoToken;
  // Of the characters that most words are made of: ASCII, Latin, the byte-level alphabet.
  std::array<int32_t, 0x250> common_ids_{};
  std::array<int32_t, 256> byte_ids_{};  // of <0x00> to <0xFF>
};

}  // namespace ebb
