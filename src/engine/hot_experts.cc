#include "engine/hot_experts.h"

namespace ebb {

const ExpertMatrices* HotExperts::Find(uint32_t group) const {
  const auto found = slot_of_.find(group);
  return found == slot_of_.end() ? nullptr : &found->second->matrices();
}

void HotExperts::Drop(uint32_t group) {
  const auto found = slot_of_.find(group);
  free_.push_back(found->second);
  slot_of_.erase(found);
}

ExpertSlot* HotExperts::Place(uint32_t group, std::optional<uint32_t> instead_of) {
  if (instead_of) Drop(*instead_of);
  if (free_.empty()) free_.push_back(&slots_.emplace_back(slot_bytes_));
  ExpertSlot* const slot = free_.back();
  free_.pop_back();
  slot_of_[group] = slot;
  return slot;
}

}  // namespace ebb
