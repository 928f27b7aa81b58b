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

  // What the expert takes in the file: chunks, their records in the index, and alignment.
  [[nodiscard]] Result<uint64_t> Bytes(ExpertKey key, const ErrorBound& bound) const;

  // By how much the sum over all experts may fall short of what the file has: alignment that
  // depends on what stands before a layer's first expert.
  uint64_t slack_bytes() const { return slack_bytes_; }

  // Bytes of many, in parallel and in their order.
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
  uint64_t slack_bytes_ = 0;
};

}  // namespace ebb
