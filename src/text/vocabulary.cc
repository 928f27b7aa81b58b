#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>

#include "base/hash.h"

namespace ebb {
namespace {

size_t HashOf(std::string_view token) {
  return Xxh3(std::as_bytes(std::span<const char>(token.data(), token.size())));
}

}  // namespace

Status Vocabulary::Append(std::string_view token, const std::string& where) {
  if (size() >= kMaxVocabulary) {
    return MakeError(ErrorCode::kCorrupt, where, "more than {} tokens", kMaxVocabulary);
  }
  if (token.empty()) {
    return MakeError(ErrorCode::kCorrupt, where, "the token of id {} is empty", size());
  }
  if (token.size() > kMaxTokenBytes ||
      token.size() > std::numeric_limits<uint32_t>::max() - bytes_.size()) {
    return MakeError(ErrorCode::kCorrupt, where, "the token of id {} has {} bytes", size(),
                     token.size());
  }
  bytes_ += token;
  ends_.push_back(static_cast<uint32_t>(bytes_.size()));
  longest_token_bytes_ = std::max(longest_token_bytes_, token.size());
  return {};
}

Status Vocabulary::BuildIndex(const std::string& where) {
  bytes_.shrink_to_fit();
  ends_.shrink_to_fit();
  slots_.assign(std::bit_ceil(ends_.size() + ends_.size() / 3 + 1), kNoToken);
  const size_t mask = slots_.size() - 1;
  for (int32_t id = 0; id < size(); ++id) {
    const std::string_view token = TokenOf(id);
    size_t at = HashOf(token) & mask;
    while (slots_[at] != kNoToken) {
      if (TokenOf(slots_[at]) == token) {
        return MakeError(ErrorCode::kCorrupt, where, "ids {} and {} are the same token", slots_[at],
                         id);
      }
      at = (at + 1) & mask;
    }
    slots_[at] = id;
  }
  return {};
}

std::string_view Vocabulary::TokenOf(int32_t id) const {
  const size_t i = static_cast<size_t>(id);
  const uint32_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(bytes_).substr(begin, ends_[i] - begin);
}

int32_t Vocabulary::Find(std::string_view token) const {
  if (slots_.empty() || token.size() > longest_token_bytes_) return kNoToken;
  const size_t mask = slots_.size() - 1;
  for (size_t at = HashOf(token) & mask; slots_[at] != kNoToken; at = (at + 1) & mask) {
    if (TokenOf(slots_[at]) == token) return slots_[at];
  }
  return kNoToken;
}

uint64_t Vocabulary::memory_bytes() const {
  return bytes_.capacity() + ends_.capacity() * sizeof(ends_[0]) +
         slots_.capacity() * sizeof(slots_[0]);
}

}  // namespace ebb
