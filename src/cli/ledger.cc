#include "cli/ledger.h"

namespace ebb {

OrderedJson ToJson(const ExpertCounts& counts) {
  return {{"requests", counts.requests},
          {"hits", counts.hits},
          {"hot_hits", counts.hot_hits},
          {"misses", counts.misses},
          {"bytes_read", counts.bytes_read},
          {"read_seconds", counts.read_seconds},
          {"decode_seconds", counts.decode_seconds},
          {"compute_seconds", counts.compute_seconds},
          {"stall_seconds", counts.stall_seconds}};
}

Ledger::Ledger(const Engine& engine) : engine_(engine), before_(engine.expert_counts()) {}

void Ledger::EndStep() {
  const ExpertCounts counts = engine_.expert_counts() - before_;
  if (counts.requests > 0) {
    OrderedJson row;
    row["seconds"] = watch_.seconds();
    row.update(ToJson(counts));
    const ModelConfig& config = engine_.config();
    const auto expert_weights =
        static_cast<uint64_t>(3 * config.hidden_size * config.moe.intermediate_size);
    row["bf16_bytes"] = counts.requests * expert_weights * 2;
    steps_.push_back(std::move(row));
  }
  before_ = engine_.expert_counts();
  watch_ = Stopwatch();
}

}  // namespace ebb
