#include "codec/slot_table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

#include "base/error.h"

namespace ebb {
namespace {

constexpr int kEscapeIndex = TokenIndex(kEscapeToken);
constexpr int kSpreadStep = 163;  // odd, so that 256 steps visit every slot once

// A token earns its own slot when escaping it would cost more than the slot does. A slot taken from
// the others costs them about log2(e) / 256 bits a symbol; escaping costs 8 bits an occurrence.
constexpr double kRareShare = 1.4427 / 256 / 8;

// log2 of whole numbers up to 257, for costs.
double Log2(int n) {
  static const auto kTable = [] {
    std::array<double, kSlots + 2> table{};
    for (int i = 1; i < kSlots + 2; ++i) table[i] = std::log2(i);
    return table;
  }();
  return kTable[n];
}

struct Share {
  int index;
  double count;
  int slots;

  // Bits saved in all by one slot more, or lost by one slot less.
  double Gain() const { return count * (Log2(slots + 1) - Log2(slots)); }
  double Loss() const { return slots == 1 ? INFINITY : count * (Log2(slots) - Log2(slots - 1)); }
};

// Who is next to give or take a slot: the highest score, the first of those that tie.
struct Turn {
  double score;
  size_t share;

  bool operator<(const Turn& other) const {
    return score != other.score ? score < other.score : share > other.share;
  }
};

// Changes one share's slots by `change` (1 or -1) after the other.
template <typename Score>
void Change(std::vector<Share>* shares, int times, int change, const Score& score) {
  if (times <= 0) return;
  std::vector<Turn> turns;
  for (size_t i = 0; i < shares->size(); ++i) turns.push_back({score((*shares)[i]), i});
  std::priority_queue queue(std::less<Turn>(), std::move(turns));
  for (; times > 0; --times) {
    const size_t next = queue.top().share;
    queue.pop();
    (*shares)[next].slots += change;
    queue.push({score((*shares)[next]), next});
  }
}

}  // namespace

SlotCounts NormaliseCounts(std::span<const uint64_t, 64> counts) {
  double total = 0;
  for (const uint64_t count : counts) total += static_cast<double>(count);
  EBB_CHECK(total > 0);

  std::array<double, 64> kept{};
  for (int token = kMinToken; token <= kMaxToken; ++token) {
    const int index = TokenIndex(token);
    const auto count = static_cast<double>(counts[index]);
    // Rare tokens go to the escape.
    kept[count < kRareShare * total ? kEscapeIndex : index] += count;
  }
  kept[kEscapeIndex] += static_cast<double>(counts[kEscapeIndex]);
  // A table must have a token beside the escape, even if nothing uses it.
  if (kept[kEscapeIndex] == total) kept[TokenIndex(0)] = total / kSlots;

  std::vector<Share> shares;
  int used = 0;
  for (int index = 0; index < 64; ++index) {
    if (kept[index] == 0) continue;
    const int slots = std::max(1, static_cast<int>(std::floor(kept[index] * kSlots / total)));
    shares.push_back({index, kept[index], slots});
    used += slots;
  }
  // Hand out what is missing where it saves most; take back what is too much where it costs least.
  Change(&shares, kSlots - used, 1, [](const Share& share) { return share.Gain(); });
  Change(&shares, used - kSlots, -1, [](const Share& share) { return -share.Loss(); });

  SlotCounts result;
  result.first = kMaxToken + 1;
  for (const Share& share : shares) {
    result.slots[share.index] = static_cast<uint16_t>(share.slots);
  }
  for (int token = kMinToken; token <= kMaxToken; ++token) {
    if (result.slots[TokenIndex(token)] == 0) continue;
    result.first = std::min(result.first, token);
    result.last = token;
  }
  return result;
}

double CodedBits(std::span<const uint64_t, 64> counts, const SlotCounts& table) {
  double bits = 0;
  for (int index = 0; index < 64; ++index) {
    if (counts[index] == 0) continue;
    const bool escaped = index == kEscapeIndex || table.slots[index] == 0;
    const int slots = table.slots[escaped ? kEscapeIndex : index];
    EBB_CHECK(slots > 0);
    bits += static_cast<double>(counts[index]) * (8 - Log2(slots) + (escaped ? 8 : 0));
  }
  return bits;
}

SlotTable BuildSlotTable(const SlotCounts& counts) {
  SlotTable table;
  int slot = 0;
  const auto assign = [&](int token) {
    for (int i = 0; i < counts.slots[TokenIndex(token)]; ++i) {
      table.token[slot] = static_cast<int8_t>(token);
      slot = (slot + kSpreadStep) % kSlots;
    }
  };
  for (int token = counts.first; token <= counts.last; ++token) assign(token);
  assign(kEscapeToken);

  std::array<uint8_t, 64> seen{};
  for (int i = 0; i < kSlots; ++i) table.rank[i] = seen[TokenIndex(table.token[i])]++;
  table.max_slots = 0;
  for (int index = 0; index < 64; ++index) {
    table.slots[index] = static_cast<uint8_t>(counts.slots[index]);
    table.max_slots = std::max<int>(table.max_slots, counts.slots[index]);
  }
  table.single = table.max_slots == kSlots;
  table.has_escape = counts.slots[kEscapeIndex] != 0;
  return table;
}

}  // namespace ebb
