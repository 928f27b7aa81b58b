#include "model/kv_cache.h"

#include <new>
#include <utility>

#include "base/checked.h"
#include "base/units.h"
#include "model/rope.h"

namespace ebb {

KvLayout::KvLayout(const ModelConfig& config) {
  shape_.heads = config.num_heads;
  shape_.page_positions = kPagePositions;
  shape_.scale = static_cast<float>(SoftmaxScale(config));
  int64_t floats = 0;
  if (config.mla) {
    shape_.kv_heads = 1;
    shape_.key_dim = config.mla->kv_lora_rank + config.mla->qk_rope_head_dim;
    shape_.value_dim = config.mla->kv_lora_rank;
    shape_.key_stride = shape_.value_stride = shape_.key_dim;
    floats = kPagePositions * shape_.key_dim;
  } else {
    const int64_t dim = config.gqa->head_dim;
    shape_.kv_heads = config.gqa->num_kv_heads;
    shape_.key_dim = shape_.value_dim = dim;
    shape_.key_stride = shape_.value_stride = dim;
    shape_.key_head_stride = shape_.value_head_stride = kPagePositions * dim;
    shape_.value_offset = shape_.kv_heads * kPagePositions * dim;
    floats = 2 * shape_.value_offset;
  }
  layer_floats_ = static_cast<uint64_t>(floats);
  page_floats_ = layer_floats_ * static_cast<uint64_t>(config.num_layers);
}

AttentionShape KvLayout::ShapeOf(LayerId layer) const {
  AttentionShape shape = shape_;
  const auto offset = static_cast<int64_t>(layer_floats_) * layer.value;
  shape.key_offset += offset;
  shape.value_offset += offset;
  return shape;
}

uint64_t KvLayout::BytesFor(int64_t positions) const {
  return DivideRoundingUp(static_cast<uint64_t>(positions), kPagePositions) * page_bytes();
}

KvPool::KvPool(const KvLayout& layout, uint64_t max_bytes)
    : layout_(layout), max_bytes_(max_bytes) {}

Result<AlignedArray<float>> KvPool::Take() {
  const std::lock_guard lock(mutex_);
  if (!free_.empty()) {
    AlignedArray<float> page = std::move(free_.back());
    free_.pop_back();
    return page;
  }
  if (!RangeFits(bytes_, layout_.page_bytes(), max_bytes_)) {
    return MakeError(ErrorCode::kOutOfMemory, "KV cache",
                     "{} positions more need {}, and {} of {} are in use", kPagePositions,
                     FormatSize(layout_.page_bytes()), FormatSize(bytes_), FormatSize(max_bytes_));
  }
  try {
    AlignedArray<float> page(layout_.page_floats());
    bytes_ += layout_.page_bytes();
    return page;
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorCode::kOutOfMemory, "KV cache", "the system has no {} left",
                     FormatSize(layout_.page_bytes()));
  }
}

void KvPool::Give(AlignedArray<float> page) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(page));
}

uint64_t KvPool::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void KvPool::Trim() {
  const std::lock_guard lock(mutex_);
  bytes_ -= free_.size() * layout_.page_bytes();
  free_.clear();
}

KvCache::KvCache(KvCache&& other) noexcept
    : pool_(other.pool_),
      owned_(std::move(other.owned_)),
      pages_(std::move(other.pages_)),
      length_(std::exchange(other.length_, 0)) {
  other.owned_.clear();
  other.pages_.clear();
}

KvCache& KvCache::operator=(KvCache&& other) noexcept {
  if (this != &other) {
    Truncate(0);
    pool_ = other.pool_;
    owned_ = std::exchange(other.owned_, {});
    pages_ = std::exchange(other.pages_, {});
    length_ = std::exchange(other.length_, 0);
  }
  return *this;
}

Status KvCache::Extend() {
  if (length_ == static_cast<int64_t>(owned_.size()) * kPagePositions) {
    EBB_TRY_ASSIGN(AlignedArray<float> page, pool_->Take());
    owned_.push_back(std::move(page));
    pages_.push_back(owned_.back().data());
  }
  ++length_;
  return {};
}

void KvCache::Truncate(int64_t length) {
  length_ = std::min(length_, length);
  const uint64_t kept = DivideRoundingUp(static_cast<uint64_t>(length_), kPagePositions);
  while (owned_.size() > kept) {
    pool_->Give(std::move(owned_.back()));
    owned_.pop_back();
    pages_.pop_back();
  }
}

float* KvCache::KeyAt(const AttentionShape& shape, int64_t position, int64_t kv_head) const {
  return pages_[position / kPagePositions] + shape.key_offset +
         position % kPagePositions * shape.key_stride + kv_head * shape.key_head_stride;
}

float* KvCache::ValueAt(const AttentionShape& shape, int64_t position, int64_t kv_head) const {
  return pages_[position / kPagePositions] + shape.value_offset +
         position % kPagePositions * shape.value_stride + kv_head * shape.value_head_stride;
}

}  // namespace ebb
