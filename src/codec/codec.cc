#include "codec/codec.h"

#include <cmath>

namespace ebb {

Result<double> Codec::SquaredError(const ArrayView& array) const {
  EBB_TRY_ASSIGN(const EncodedArray encoded, Encode(array, 0, 0));
  std::vector<float> decoded(array.values.size());
  EBB_TRY(Decode(encoded.stream, array.rows, array.cols, 0, decoded.data()));
  double sum = 0;
  for (size_t i = 0; i < decoded.size(); ++i) {
    if (!std::isfinite(array.values[i])) continue;
    const double error = static_cast<double>(decoded[i]) - static_cast<double>(array.values[i]);
    sum += error * error;
  }
  return sum;
}

}  // namespace ebb
