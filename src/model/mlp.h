// The gated MLP of dense layers and shared experts: down (silu(gate x) * up x).
#pragma once

#include "kernels/backend.h"
#include "model/weights.h"

namespace ebb {

// y = mlp(x) for all rows of x; gate and up are scratch of [rows, intermediate] or wider.
void RunMlp(const Backend& backend, const MlpWeights& weights, ConstRows x, Rows gate, Rows up,
            Rows y);

}  // namespace ebb
