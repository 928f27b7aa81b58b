// The keys and values of sequences, in pages.
//
// A page holds kPagePositions positions of one sequence for all layers, so that a sequence grows by
// one block of memory at a time. Pages come from a KvPool, which counts them, may have a cap, and
// keeps freed pages for the next sequence. Keys and values are float32.
#pragma once

#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

#include "arch/ids.h"
#include "arch/model_config.h"
#include "base/bytes.h"
#include "base/error.h"
#include "kernels/backend.h"

namespace ebb {

inline constexpr int64_t kPagePositions = 32;

// Where a page keeps what. Latent attention keeps one row [c_kv | k_rope] a position and layer,
// which is the key of all heads and, but for its end, their value. Grouped-query attention keeps
// the keys of each kv head together, then the values, so that a head's positions lie side by side.
class KvLayout {
 public:
  explicit KvLayout(const ModelConfig& config);

  // What the attention kernel needs to find the layer's keys and values.
  AttentionShape ShapeOf(LayerId layer) const;

  uint64_t page_bytes() const { return page_floats_ * sizeof(float); }
  uint64_t page_floats() const { return page_floats_; }

  // What one sequence of this many positions holds.
  uint64_t BytesFor(int64_t positions) const;

 private:
  AttentionShape shape_;       // of layer 0
  uint64_t layer_floats_ = 0;  // of one page
  uint64_t page_floats_ = 0;
};

// Hands out pages. Thread-safe; must outlive its KvCaches.
class KvPool {
 public:
  explicit KvPool(const KvLayout& layout,
                  uint64_t max_bytes = std::numeric_limits<uint64_t>::max());

  const KvLayout& layout() const { return layout_; }

  // kOutOfMemory when another page would pass the cap, or when the system has no memory.
  [[nodiscard]] Result<AlignedArray<float>> Take();
  void Give(AlignedArray<float> page);

  // All pages, in use or free.
  [[nodiscard]] uint64_t bytes() const;

  // Returns the free pages to the system.
  void Trim();

 private:
  const KvLayout layout_;
  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::vector<AlignedArray<float>> free_;
  uint64_t bytes_ = 0;
};

// One sequence. Not thread-safe; the pages go back to the pool on destruction.
class KvCache {
 public:
  explicit KvCache(KvPool& pool) : pool_(&pool) {}
  ~KvCache() { Truncate(0); }
  KvCache(KvCache&& other) noexcept;
  KvCache& operator=(KvCache&& other) noexcept;

  const KvLayout& layout() const { return pool_->layout(); }

  // How many positions are held: those of all tokens that went through the model.
  int64_t length() const { return length_; }
  uint64_t bytes() const { return pages_.size() * layout().page_bytes(); }

  // Makes room for one more position, whose keys and values are then to be written. On an error
  // nothing has changed.
  [[nodiscard]] Status Extend();

  // Forgets the positions from `length` on (a retry, another continuation of a prompt), and gives
  // back the pages that this empties.
  void Truncate(int64_t length);

  // For the attention kernel: page i holds the positions from i x kPagePositions on.
  const float* const* pages() const { return pages_.data(); }

  // Where the key and the value of a position and kv head of a layer stand.
  float* KeyAt(const AttentionShape& shape, int64_t position, int64_t kv_head) const;
  float* ValueAt(const AttentionShape& shape, int64_t position, int64_t kv_head) const;

 private:
  KvPool* pool_;
  std::vector<AlignedArray<float>> owned_;
  std::vector<float*> pages_;  // the data of owned_
  int64_t length_ = 0;
};

}  // namespace ebb
