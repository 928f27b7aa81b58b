// Byte-pair merging: join the neighbouring symbols of the best rank until no pair has one.
//
// Naively each step searches all pairs for the lowest rank (the leftmost of equals): n steps of n.
// MergeFew does that, because for a word of usual length nothing is faster. MergeMany keeps the
// pairs in a heap and the symbols in a linked list, so a word of a million bytes costs n log n.
// Both give the same symbols.
//
// Rules has: bool Find(const Symbol& left, const Symbol& right, Merge* merge) const.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace ebb {

struct Symbol {
  int32_t id = 0;
  uint32_t begin = 0;  // what it stands for: a range that follows the previous symbol's
  uint32_t end = 0;
};

struct Merge {
  uint32_t rank = std::numeric_limits<uint32_t>::max();  // that of no pair
  int32_t id = 0;                                        // of the joined symbol
};

// Working memory, kept from word to word.
struct MergeScratch {
  struct HeapEntry {
    uint32_t rank;
    uint32_t at;
    uint32_t end;  // of the right symbol when the entry was made: tells whether it still holds
    int32_t id;
  };
  struct Links {
    uint32_t previous;
    uint32_t next;
  };
  std::vector<Symbol> symbols;
  std::vector<Merge> merges;
  std::vector<Links> links;
  std::vector<HeapEntry> heap;
};

inline constexpr size_t kFewSymbols = 32;

template <typename Rules>
Merge FindMerge(const Rules& rules, const Symbol& left, const Symbol& right) {
  Merge merge;
  rules.Find(left, right, &merge);
  return merge;
}

template <typename Rules>
void MergeFew(const Rules& rules, MergeScratch* scratch) {
  std::vector<Symbol>& symbols = scratch->symbols;
  std::vector<Merge>& merges = scratch->merges;  // merges[i]: of symbols i and i + 1
  merges.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) {
    merges.push_back(FindMerge(rules, symbols[i], symbols[i + 1]));
  }
  while (!merges.empty()) {
    const auto best =
        std::min_element(merges.begin(), merges.end(),
                         [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == Merge().rank) return;
    const size_t i = static_cast<size_t>(best - merges.begin());
    symbols[i].id = best->id;
    symbols[i].end = symbols[i + 1].end;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(i) + 1);
    merges.erase(best);
    if (i < merges.size()) merges[i] = FindMerge(rules, symbols[i], symbols[i + 1]);
    if (i > 0) merges[i - 1] = FindMerge(rules, symbols[i - 1], symbols[i]);
  }
}

template <typename Rules>
void MergeMany(const Rules& rules, MergeScratch* scratch) {
  using HeapEntry = MergeScratch::HeapEntry;
  std::vector<Symbol>& symbols = scratch->symbols;
  std::vector<MergeScratch::Links>& links = scratch->links;
  std::vector<HeapEntry>& heap = scratch->heap;
  const uint32_t count = static_cast<uint32_t>(symbols.size());
  const uint32_t none = std::numeric_limits<uint32_t>::max();
  // std::push_heap keeps the largest in front, so "less" is "worse".
  const auto is_worse = [](const HeapEntry& a, const HeapEntry& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  heap.clear();
  links.resize(count);
  for (uint32_t i = 0; i < count; ++i)
    links[i] = {i == 0 ? none : i - 1, i + 1 < count ? i + 1 : none};
  const auto add_pair = [&](uint32_t at) {
    const uint32_t next = links[at].next;
    Merge merge;
    if (next != none && rules.Find(symbols[at], symbols[next], &merge)) {
      heap.push_back({merge.rank, at, symbols[next].end, merge.id});
      return true;
    }
    return false;
  };
  for (uint32_t i = 0; i < count; ++i) add_pair(i);
  std::make_heap(heap.begin(), heap.end(), is_worse);

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), is_worse);
    const HeapEntry best = heap.back();
    heap.pop_back();
    Symbol& left = symbols[best.at];
    const uint32_t next = links[best.at].next;
    // A pair that has changed since spans other bytes: a symbol that was merged away is empty.
    if (left.begin == left.end || next == none || symbols[next].end != best.end) continue;
    left.id = best.id;
    left.end = best.end;
    symbols[next].begin = symbols[next].end;
    links[best.at].next = links[next].next;
    if (links[next].next != none) links[links[next].next].previous = best.at;
    const uint32_t previous = links[best.at].previous;
    if (previous != none && add_pair(previous)) {
      std::push_heap(heap.begin(), heap.end(), is_worse);
    }
    if (add_pair(best.at)) std::push_heap(heap.begin(), heap.end(), is_worse);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.begin == symbol.end; });
}

// Merges scratch->symbols, which must all be non-empty, in place.
template <typename Rules>
void MergeSymbols(const Rules& rules, MergeScratch* scratch) {
  if (scratch->symbols.size() <= kFewSymbols) {
    MergeFew(rules, scratch);
  } else {
    MergeMany(rules, scratch);
  }
}

}  // namespace ebb
