#include "study/size_curve.h"

#include "base/checked.h"
#include "container/index.h"
#include "pack/group_encoder.h"

namespace ebb {
namespace {

constexpr uint64_t kGroupRecordBytes = 24;  // docs/format.md
constexpr uint64_t kChunkRecordBytes = 16;

}  // namespace

Result<ExpertSizes> ExpertSizes::Create(const WeightSource& source, CodecSetting setting) {
  ExpertSizes sizes(source, setting);
  const std::vector<TensorSpec>& tensors = source.tensors();
  for (size_t first = 0; first < tensors.size();) {
    const ExpertKey key = {tensors[first].layer, tensors[first].expert};
    size_t end = first + 1;
    if (!IsRoutedExpert(tensors[first].role)) {
      first = end;
      continue;
    }
    uint64_t weights = tensors[first].elements();
    while (end < tensors.size() && IsRoutedExpert(tensors[end].role) &&
           tensors[end].layer == key.layer && tensors[end].expert == key.expert) {
      weights += tensors[end++].elements();
    }
    sizes.tensors_[key] = std::span(tensors).subspan(first, end - first);
    sizes.weights_ = weights;
    first = end;
  }
  for (const auto& entry : sizes.tensors_) sizes.keys_.push_back(entry.first);
  if (sizes.keys_.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "model", "it has no routed experts");
  }
  int32_t layers = 0;
  for (size_t i = 0; i < sizes.keys_.size(); ++i) {
    layers += i == 0 || sizes.keys_[i].layer != sizes.keys_[i - 1].layer ? 1 : 0;
  }
  // An expert of fewer weights than that never takes a large group's bytes, at 4 bytes a weight.
  const bool may_be_large = sizes.weights_ * sizeof(float) >= kLargeGroupBytes;
  sizes.slack_bytes_ =
      static_cast<uint64_t>(layers) * (may_be_large ? kLargeGroupAlignment : kSmallGroupAlignment);
  return sizes;
}

Result<uint64_t> ExpertSizes::Bytes(ExpertKey key, const ErrorBound& bound) const {
  const auto found = tensors_.find(key);
  if (found == tensors_.end()) {
    return MakeError(ErrorCode::kInvalidArgument, "model", "there is no expert {}/{}",
                     key.layer.value, key.expert.value);
  }
  const ErrorBound used = bound.value == 0 ? ErrorBound::Lossless() : bound;
  EBB_TRY_ASSIGN(const auto encoder, GroupEncoder::Create(*source_, found->second, used,
                                                          BoundScope::kExpert, setting_));
  uint64_t content = 0;
  uint64_t records = kGroupRecordBytes;
  EncodeScratch scratch(setting_);
  for (const Piece& piece : encoder->pieces()) {
    EBB_TRY_ASSIGN(EncodedPiece encoded, encoder->Encode(piece, &scratch));
    content += encoded.bytes.size();
    records += encoded.chunks.size() * kChunkRecordBytes;
    scratch.out = std::move(encoded.bytes);
  }
  const bool large = encoder->pieces().size() > 1 || content >= kLargeGroupBytes;
  return AlignUp(content, large ? kLargeGroupAlignment : kSmallGroupAlignment) + records;
}

Result<std::vector<uint64_t>> ExpertSizes::Bytes(std::span<const Request> requests,
                                                 const ThreadPool& pool,
                                                 const ProgressSink& progress) const {
  std::vector<Result<uint64_t>> slots(requests.size());
  std::vector<uint64_t> bytes;
  Status status;
  pool.RunInOrder(
      requests.size(), static_cast<size_t>(pool.threads()) * 4,
      [&](size_t i) { slots[i] = Bytes(requests[i].key, requests[i].bound); },
      [&](size_t i) {
        if (!slots[i]) {
          status = tl::unexpected(slots[i].error());
          return false;
        }
        bytes.push_back(*slots[i]);
        if (progress) progress({i + 1, requests.size()});
        return true;
      });
  EBB_TRY(std::move(status));
  return bytes;
}

}  // namespace ebb
