// A checkpoint becomes an .ebb file.
//
// Groups are read, encoded and checked in parallel and written in order, a few at a time: memory is
// bounded by some tens of megabytes a thread, whatever the model's size, and the file's bytes do
// not depend on the number of threads. An interrupted conversion leaves PATH.partial and a journal;
// the same call again goes on from there.
#pragma once

#include <string>

#include "arch/weight_source.h"
#include "base/progress.h"
#include "base/threads.h"
#include "pack/bound_plan.h"
#include "pack/group_encoder.h"

namespace ebb {

struct CompressOptions {
  BoundPlan plan;
  BoundScope scope = BoundScope::kExpert;
  CodecSetting setting = CodecSetting::kFast;  // of Ebb's own codec
  const Codec* peer = nullptr;  // codes routed experts instead of Ebb's own; not with scope kRow
  uint64_t source_fingerprint = 0;  // changes when the source does: an interrupted conversion is
                                    // only resumed from the same one (FingerprintFolder)
  ProgressSink progress;            // in weights
};

struct CompressReport {
  uint64_t file_bytes = 0;
  uint64_t experts = 0;       // routed experts
  uint64_t expert_bytes = 0;  // theirs in the file: chunks, their index records, alignment
  EncodeStatistics expert_statistics;
  uint64_t total_weights = 0;
  double seconds = 0;
  uint64_t resumed_groups = 0;  // taken over from an interrupted run
};

[[nodiscard]] Result<CompressReport> Compress(const WeightSource& source, const std::string& path,
                                              const CompressOptions& options,
                                              const ThreadPool& threads);

// A hash of the names, sizes and modification times of a folder's files.
[[nodiscard]] Result<uint64_t> FingerprintFolder(const std::string& path);

}  // namespace ebb
