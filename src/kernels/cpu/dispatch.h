// The entry of Highway's dispatch tables for one chosen target, without Highway's global choice:
// several backends for different instruction sets live side by side. Only for sources that include
// hwy/highway.h first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"

namespace ebb {

inline size_t DispatchIndex(int64_t target) {
  if ((HWY_TARGETS & (HWY_TARGETS - 1)) == 0) return 0;  // the tables have one entry
  hwy::ChosenTarget chosen;
  chosen.Update(target);
  return chosen.GetIndex();
}

}  // namespace ebb
