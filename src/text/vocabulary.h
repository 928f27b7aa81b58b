// The tokens of a model: id -> bytes and bytes -> id.
//
// Built once, then immutable and thread-safe. Compact, because it is held for as long as the
// model: one buffer with all tokens, one 32-bit offset a token, and a hash table of 32-bit ids
// that is at most 3/4 full. For 163,840 tokens of 7 bytes that is 1.1 + 0.6 + 1.0 MiB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

// Token ids are int32_t; kNoToken is none.
inline constexpr int32_t kNoToken = -1;
// No vocabulary of today has more than half a million tokens.
inline constexpr int32_t kMaxVocabulary = 1 << 23;
inline constexpr size_t kMaxTokenBytes = size_t{1} << 16;

class Vocabulary {
 public:
  Vocabulary() = default;

  // Gives each added token the next id, from 0. Empty tokens, tokens above kMaxTokenBytes and
  // more than kMaxVocabulary tokens are kCorrupt.
  [[nodiscard]] Status Append(std::string_view token, const std::string& where);

  // Call once after the last Append. Two equal tokens are kCorrupt.
  [[nodiscard]] Status BuildIndex(const std::string& where);

  int32_t size() const { return static_cast<int32_t>(ends_.size()); }
  bool Contains(int32_t id) const { return id >= 0 && id < size(); }
  // `id` must be in range.
  std::string_view TokenOf(int32_t id) const;
  // The token's id, or kNoToken.
  int32_t Find(std::string_view token) const;

  size_t longest_token_bytes() const { return longest_token_bytes_; }
  uint64_t memory_bytes() const;

 private:
  std::string bytes_;
  std::vector<uint32_t> ends_;  // of each token in bytes_
  std::vector<int32_t> slots_;  // a power of two of ids, or kNoToken
  size_t longest_token_bytes_ = 0;
};

}  // namespace ebb
