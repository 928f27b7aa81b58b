// Experts that are kept decoded: the tier above the cache of encoded ones. Products with codes that
// stand in memory take about half the time of products that decode first, and twice the memory.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "engine/expert_decoder.h"

namespace ebb {

// What always holds: at most `capacity` experts are kept, each decoded without error. Which of them
// goes for another is the caller's score's to say. Not thread-safe.
class HotExperts {
 public:
  HotExperts(uint64_t slot_bytes, uint64_t capacity)
      : slot_bytes_(slot_bytes), capacity_(capacity) {}

  // Null if the group is not here. Valid until another takes its place.
  [[nodiscard]] const ExpertMatrices* Find(uint32_t group) const;

  // A slot for a group that is not here and whose score is `score`: a free one, or that of the
  // expert with the lowest score, if that is well below. Null if there is none for it. The slot is
  // the group's from now on; Drop it if decoding fails.
  template <typename ScoreOf>
  [[nodiscard]] ExpertSlot* Claim(uint32_t group, ScoreOf score_of) {
    if (slot_of_.size() < capacity_) return Place(group, std::nullopt);
    if (slot_of_.empty()) return nullptr;
    auto least = slot_of_.begin();
    for (auto at = slot_of_.begin(); at != slot_of_.end(); ++at) {
      if (score_of(at->first) < score_of(least->first)) least = at;
    }
    // Each change costs a decode, so that it must be worth it for a while.
    if (score_of(group) < kWorthChanging * score_of(least->first)) return nullptr;
    return Place(group, least->first);
  }
  void Drop(uint32_t group);

  uint64_t size() const { return slot_of_.size(); }

 private:
  static constexpr double kWorthChanging = 1.5;

  ExpertSlot* Place(uint32_t group, std::optional<uint32_t> instead_of);

  const uint64_t slot_bytes_;
  const uint64_t capacity_;
  std::deque<ExpertSlot> slots_;  // made when they are first needed
  std::deque<ExpertSlot*> free_;
  std::unordered_map<uint32_t, ExpertSlot*> slot_of_;
};

}  // namespace ebb
