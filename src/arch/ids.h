// Strong types for the numbers of layers and experts, so that they cannot be swapped.
#pragma once

#include <compare>
#include <cstdint>

namespace ebb {

// A decoder layer, counted from 0 as Hugging Face does.
struct LayerId {
  int32_t value = 0;
  auto operator<=>(const LayerId&) const = default;
};

// A routed expert within its layer, counted from 0.
struct ExpertId {
  int32_t value = 0;
  auto operator<=>(const ExpertId&) const = default;
};

// One routed expert of the model.
struct ExpertKey {
  LayerId layer;
  ExpertId expert;
  auto operator<=>(const ExpertKey&) const = default;
};

}  // namespace ebb
