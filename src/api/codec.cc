#include "ebb/codec.h"

#include "base/checked.h"
#include "codec/bound.h"
#include "peers/codecs.h"

namespace ebb {

Result<EncodedWeights> EncodeWeights(std::span<const float> weights, uint64_t rows, uint64_t cols,
                                     std::string_view bound) {
  if (CheckedMul(rows, cols) != weights.size()) {
    return MakeError(ErrorCode::kInvalidArgument, "weights", "{} weights are not {} x {}",
                     weights.size(), rows, cols);
  }
  EBB_TRY_ASSIGN(const ErrorBound parsed, ParseErrorBound(bound));
  MagnitudeSum sum;
  sum.Add(weights);
  EncodedWeights encoded;
  encoded.rows = rows;
  encoded.cols = cols;
  encoded.bound = AbsoluteBound(parsed, sum.Mean());
  EBB_TRY_ASSIGN(const Codec* codec, FindCodec("ebb"));
  EBB_TRY_ASSIGN(EncodedArray array, codec->Encode({weights, rows, cols}, encoded.bound, 0));
  encoded.bytes = std::move(array.stream);
  return encoded;
}

Status DecodeWeights(const EncodedWeights& encoded, std::span<float> out) {
  if (CheckedMul(encoded.rows, encoded.cols) != out.size()) {
    return MakeError(ErrorCode::kInvalidArgument, "weights",
                     "there is room for {}, not for {} x {}", out.size(), encoded.rows,
                     encoded.cols);
  }
  EBB_TRY_ASSIGN(const Codec* codec, FindCodec("ebb"));
  return codec->Decode(encoded.bytes, encoded.rows, encoded.cols, encoded.bound, out.data());
}

}  // namespace ebb
