// The model: from tokens to logits, many sequences at once.
//
// A row's result depends on the model, its sequence's tokens and nothing else: not on the other
// rows of the batch, on how a prompt was cut into chunks, on threads, or on the order in which
// experts arrive (docs/numbers.md).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/trace.h"
#include "kernels/backend.h"
#include "model/attention.h"
#include "model/batch.h"
#include "model/buffers.h"
#include "model/expert_provider.h"
#include "model/moe.h"
#include "model/observer.h"
#include "model/rope.h"
#include "model/weights.h"

namespace ebb {

// What a row asked for; null where it did not ask, or where its sequence failed.
struct RowResult {
  const float* logits = nullptr;  // [vocab]
  const float* hidden = nullptr;  // [hidden]
};

// Valid until the next Forward.
struct ForwardResult {
  std::span<const RowResult> rows;  // one for each of the batch
  std::span<const SequenceFailure> failures;
};

// Not thread-safe; several decoders may share weights and backend.
class Decoder {
 public:
  // `weights` and `backend` must outlive it. kInvalidArgument for limits that are not positive or
  // beyond the model's own, kOutOfMemory when there is no room for them.
  [[nodiscard]] static Result<std::unique_ptr<Decoder>> Create(const ModelWeights& weights,
                                                               const Backend& backend,
                                                               const BatchLimits& limits);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // What a decoder holds for itself: its scratch memory. KV caches and weights come on top.
  [[nodiscard]] static uint64_t Bytes(const ModelConfig& config, const Backend& backend,
                                      const BatchLimits& limits);

  const BatchLimits& limits() const { return limits_; }
  // Where the parts of all following passes are noted; null for nowhere. It must outlive them.
  void set_trace(Trace* trace) {
    trace_ = trace;
    moe_.set_trace(trace);
  }
  const KvLayout& kv_layout() const { return kv_layout_; }

  // Runs the rows through the model and appends them to their caches. `experts` gives the routed
  // experts; `observer` may be null.
  //
  // Errors of the whole call leave all caches as they were: kInvalidArgument for a batch that is
  // empty or beyond the limits, a token outside of the vocabulary, a position beyond max_positions
  // or out of order; kOutOfMemory when a cache cannot grow. What concerns some sequences only is in
  // ForwardResult::failures.
  [[nodiscard]] Result<ForwardResult> Forward(std::span<const BatchRow> rows,
                                              ExpertProvider& experts,
                                              ForwardObserver* observer = nullptr);

 private:
  Decoder(const ModelWeights& weights, const Backend& backend, const BatchLimits& limits);

  Status CheckBatch(std::span<const BatchRow> rows) const;
  Status CheckRow(const BatchRow& row, size_t number) const;
  Status ExtendCaches(std::span<const BatchRow> rows) const;
  void Embed();
  void RunLayer(LayerId layer, ExpertProvider& experts, ForwardObserver* observer);
  void WriteOutputs();
  void ShortenFailedCaches();

  const ModelWeights& weights_;
  const ModelConfig& config_;
  const Backend& backend_;
  const BatchLimits limits_;
  const KvLayout kv_layout_;
  const Rope rope_;
  AlignedArray<float> memory_;
  Buffers buffers_;
  std::unique_ptr<Attention> attention_;
  MoeBlock moe_;
  Trace* trace_ = nullptr;

  Step step_;
  std::vector<int64_t> positions_;
  std::vector<int32_t> output_rows_;  // those that want logits first
  std::vector<RowResult> results_;
};

}  // namespace ebb
