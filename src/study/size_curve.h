// How many bytes experts take in an .ebb file under a bound: measured with the encoder that writes
// them.
//
// Thread-safe once made; `source` must outlive it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "arch/weight_source.h"
#include "base/progress.h"
#include "base/threads.h"
#include "codec/bound.h"
#include "codec/weights_codec.h"

namespace ebb {

class ExpertSizes {
 public:
  // kInvalidArgument for a model without routed experts.
  [[nodiscard]] static Result<ExpertSizes> Create(const WeightSource& source, CodecSetting setting);

  // In rising order.
  const std::vector<ExpertKey>& experts() const { return keys_; }
  uint64_t weights_of_expert() const { return weights_; }

  // What the expert takes in the file, its records in the index included; alignment of large ones
  // (below 4 KiB each) is not.
  [[nodiscard]] Result<uint64_t> Bytes(ExpertKey key, const ErrorBound& bound) const;

  // The same for many, in parallel and in their order.
  struct Request {
    ExpertKey key;
    ErrorBound bound;
  };
  [[nodiscard]] Result<std::vector<uint64_t>> Bytes(std::span<const Request> requests,
                                                    const ThreadPool& pool,
                                                    const ProgressSink& progress = {}) const;

 private:
  ExpertSizes(const WeightSource& source, CodecSetting setting)
      : source_(&source), setting_(setting) {}

  const WeightSource* source_;
  CodecSetting setting_;
  std::vector<ExpertKey> keys_;
  std::map<ExpertKey, std::span<const TensorSpec>> tensors_;  // runs of the source's list
  uint64_t weights_ = 0;
};

}  // namespace ebb
