#include "text/word_list.h"

#include <algorithm>

namespace ebb {
namespace {

// Joins parts as `behavior` says; what stays is a word, empty or not.
void JoinParts(SplitBehavior behavior, std::vector<WordPart>* parts) {
  if (behavior == SplitBehavior::kIsolated) return;
  if (behavior == SplitBehavior::kRemoved) {
    std::erase_if(*parts, [](const WordPart& part) { return part.is_match; });
    return;
  }
  const bool backwards = behavior == SplitBehavior::kMergedWithNext;
  if (backwards) std::reverse(parts->begin(), parts->end());
  bool previous_is_match = false;
  size_t kept = 0;
  for (const WordPart part : *parts) {
    const bool joins = behavior == SplitBehavior::kContiguous ? part.is_match == previous_is_match
                                                              : part.is_match && !previous_is_match;
    if (joins && kept > 0) {
      WordPart& last = (*parts)[kept - 1];
      if (backwards) {
        last.begin = part.begin;
      } else {
        last.end = part.end;
      }
    } else {
      (*parts)[kept++] = part;
    }
    previous_is_match = part.is_match;
  }
  parts->resize(kept);
  if (backwards) std::reverse(parts->begin(), parts->end());
}

}  // namespace

Status CheckTextSize(size_t size_bytes) {
  if (size_bytes <= kMaxTextBytes) return {};
  return MakeError(ErrorCode::kInvalidArgument, "",
                   "the text is longer than {} bytes while it is tokenized", kMaxTextBytes);
}

WordList::WordList(std::string text, size_t start_bytes)
    : text_(std::move(text)), start_bytes_(start_bytes) {
  if (!text_.empty()) words_.push_back({0, static_cast<uint32_t>(text_.size())});
}

Status WordList::Split(const FindParts& find, SplitBehavior behavior) {
  std::vector<Word> words;
  words.reserve(words_.size());
  std::vector<WordPart> parts;
  for (const Word word : words_) {
    parts.clear();
    EBB_TRY(find(TextOf(word), &parts));
    JoinParts(behavior, &parts);
    for (const WordPart& part : parts) {
      if (part.begin != part.end) words.push_back({word.begin + part.begin, word.begin + part.end});
    }
  }
  words_ = std::move(words);
  return {};
}

}  // namespace ebb
