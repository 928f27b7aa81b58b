#include "model/mlp.h"

namespace ebb {

void RunMlp(const Backend& backend, const MlpWeights& weights, ConstRows x, Rows gate, Rows up,
            Rows y) {
  const int64_t intermediate = weights.gate.view().rows;
  gate = {gate.data, x.count, intermediate};
  up = {up.data, x.count, intermediate};
  const MatProduct products[] = {{weights.gate.view(), x, gate}, {weights.up.view(), x, up}};
  backend.MatMul(products);
  backend.SiluMultiply(gate, up, intermediate);
  backend.MatMul(weights.down.view(), gate, y);
}

}  // namespace ebb
