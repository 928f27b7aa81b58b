#include "codec/small_table.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "base/bytes.h"
#include "base/error.h"

namespace ebb {
namespace {

// A slot taken from the others costs them about log2(e) / 4096 bits a symbol; escaping instead of
// having one slot costs 16 bits an occurrence.
constexpr double kRareShare = 1.4427 / kSmallSlots / kSmallEscapeBits;

// log2 of whole numbers up to 4097, for costs.
double Log2(int n) {
  static const auto kTable = [] {
    std::array<double, kSmallSlots + 2> table{};
    for (size_t i = 1; i < table.size(); ++i) table[i] = std::log2(static_cast<double>(i));
    return table;
  }();
  return kTable[static_cast<size_t>(n)];
}

// Where the (at most) 255 neighbouring tokens with the most values begin.
size_t BestWindow(std::span<const uint64_t> counts) {
  uint64_t sum = 0;
  uint64_t best_sum = 0;
  size_t best = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    sum += counts[i];
    if (i >= kMaxSmallTokens) sum -= counts[i - kMaxSmallTokens];
    if (sum <= best_sum) continue;
    best_sum = sum;
    best = i + 1 - std::min<size_t>(i + 1, kMaxSmallTokens);
  }
  return best;
}

struct Share {
  double gain;  // the more, the earlier its turn
  size_t symbol;

  bool operator<(const Share& other) const {
    return gain != other.gain ? gain < other.gain : symbol > other.symbol;
  }
};

// Slots in proportion to `kept`, which add up to `total`.
void ShareSlots(const std::array<double, 256>& kept, double total,
                std::array<uint16_t, 256>* slots) {
  int used = 0;
  for (size_t s = 0; s < kept.size(); ++s) {
    (*slots)[s] = 0;
    if (kept[s] == 0) continue;
    const int share = std::max(1, static_cast<int>(kept[s] * kSmallSlots / total));
    (*slots)[s] = static_cast<uint16_t>(share);
    used += share;
  }
  if (used == kSmallSlots) return;
  // Hand out what is missing where it saves most bits; take back what is too much where it costs
  // least.
  const int change = used < kSmallSlots ? 1 : -1;
  const auto gain = [&](size_t s) {
    const int now = (*slots)[s];
    return now + change == 0 ? -INFINITY : kept[s] * (Log2(now + change) - Log2(now));
  };
  std::priority_queue<Share> queue;
  for (size_t s = 0; s < kept.size(); ++s) {
    if (kept[s] > 0) queue.push({gain(s), s});
  }
  for (; used != kSmallSlots; used += change) {
    const size_t s = queue.top().symbol;
    queue.pop();
    (*slots)[s] = static_cast<uint16_t>((*slots)[s] + change);
    queue.push({gain(s), s});
  }
}

}  // namespace

SmallCounts NormaliseSmallCounts(std::span<const uint64_t> counts, int first, uint64_t beyond) {
  uint64_t whole = beyond;
  for (const uint64_t count : counts) whole += count;
  EBB_CHECK(whole > 0);
  const auto total = static_cast<double>(whole);

  size_t begin = BestWindow(counts);
  size_t end = std::min(counts.size(), begin + kMaxSmallTokens);
  const auto is_kept = [&](size_t i) {
    return counts[i] > 0 && static_cast<double>(counts[i]) >= kRareShare * total;
  };
  while (begin + 1 < end && !is_kept(begin)) ++begin;
  while (begin + 1 < end && !is_kept(end - 1)) --end;

  std::array<double, 256> kept{};
  double kept_total = 0;
  for (size_t i = begin; i < end; ++i) {
    if (!is_kept(i)) continue;
    kept[i - begin] = static_cast<double>(counts[i]);
    kept_total += kept[i - begin];
  }
  kept[kSmallEscape] = total - kept_total;
  SmallCounts table;
  table.first = first + static_cast<int>(begin);
  table.count = static_cast<int>(end - begin);
  ShareSlots(kept, total, &table.slots);
  return table;
}

double SmallCodedBits(std::span<const uint64_t> counts, int first, uint64_t beyond,
                      const SmallCounts& table) {
  uint64_t escaped = beyond;
  double bits = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int symbol = first + static_cast<int>(i) - table.first;
    const bool known = symbol >= 0 && symbol < table.count;
    const int slots = known ? table.slots[static_cast<size_t>(symbol)] : 0;
    if (slots == 0) {
      escaped += counts[i];
    } else {
      bits += static_cast<double>(counts[i]) * (kSmallSlotsLog2 - Log2(slots));
    }
  }
  if (escaped == 0) return bits;
  EBB_CHECK(table.slots[kSmallEscape] > 0);
  return bits + static_cast<double>(escaped) *
                    (kSmallSlotsLog2 - Log2(table.slots[kSmallEscape]) + kSmallEscapeBits);
}

void AppendSmallTable(const SmallCounts& table, std::vector<std::byte>* out) {
  AppendLe(*out, static_cast<int16_t>(table.first));
  AppendLe(*out, static_cast<uint8_t>(table.count));
  const auto append = [out](uint16_t slots) {
    if (slots < 128) return AppendLe(*out, static_cast<uint8_t>(slots));
    AppendLe(*out, static_cast<uint8_t>(128 | slots >> 8));
    AppendLe(*out, static_cast<uint8_t>(slots));
  };
  for (int s = 0; s < table.count; ++s) append(table.slots[static_cast<size_t>(s)]);
  append(table.slots[kSmallEscape]);
}

size_t ReadSmallTable(std::span<const std::byte> bytes, SmallCounts* table) {
  constexpr size_t kHead = 3;
  if (bytes.size() < kHead) return 0;
  table->first = LoadLe<int16_t>(bytes.data());
  table->count = LoadLe<uint8_t>(bytes.data() + 2);
  if (table->count < 1) return 0;
  table->slots = {};
  size_t at = kHead;
  uint32_t total = 0;
  for (int i = 0; i <= table->count; ++i) {
    if (at == bytes.size()) return 0;
    auto slots = static_cast<uint32_t>(bytes[at++]);
    if (slots >= 128) {
      if (at == bytes.size()) return 0;
      slots = (slots & 127) << 8 | static_cast<uint32_t>(bytes[at++]);
    }
    total += slots;
    if (total > kSmallSlots) return 0;
    table->slots[static_cast<size_t>(i < table->count ? i : kSmallEscape)] =
        static_cast<uint16_t>(slots);
  }
  return total == kSmallSlots ? at : 0;
}

SmallDecodingTable LoadSmallTable(std::span<const std::byte> bytes) {
  SmallCounts counts;
  EBB_CHECK(ReadSmallTable(bytes, &counts) > 0);
  SmallDecodingTable table;
  table.first = counts.first;
  BuildSmallSlotTable(counts, &table.slots);
  return table;
}

void BuildSmallSlotTable(const SmallCounts& counts, SmallSlotTable* table) {
  size_t slot = 0;
  for (uint32_t symbol = 0; symbol < counts.slots.size(); ++symbol) {
    const uint32_t slots = counts.slots[symbol];
    for (uint32_t rank = 0; rank < slots; ++rank) {
      (*table)[slot++] = symbol | (slots - 1) << 8 | rank << 20;
    }
  }
}

}  // namespace ebb
