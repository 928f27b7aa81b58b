#include "engine/memory_plan.h"

#include <algorithm>
#include <array>

#include "base/units.h"
#include "engine/packed_experts.h"
#include "model/decoder.h"
#include "model/resident_experts.h"

namespace ebb {
namespace {

// Several small experts are decoded together, so that all threads have work; a large one has enough
// chunks.
constexpr uint64_t kSlotsBytes = 8 << 20;
constexpr int kMaxSlots = 16;

// What the lists of tensors, groups and chunks take, about.
uint64_t FilesBytes(const ModelFiles& files, uint64_t tokenizer_bytes) {
  uint64_t bytes = tokenizer_bytes + files.source->tensors().size() * 600;
  for (const auto& [name, content] : files.source->side_files()) bytes += content.size();
  if (files.packed != nullptr) {
    const ContainerIndex& index = files.packed->container().index();
    bytes +=
        index.chunks.size() * sizeof(ChunkRecord) + index.groups.size() * 2 * sizeof(GroupRecord);
  }
  return bytes;
}

// So that the number that is printed, with its few digits, does it.
uint64_t RoundedUp(uint64_t bytes) { return bytes + bytes / 100 + 1024; }

class Planner {
 public:
  Planner(const ModelFiles& files, uint64_t tokenizer_bytes, const Backend& backend,
          const EngineLimits& limits)
      : files_(files), backend_(backend), limits_(limits) {
    plan_.files_bytes = FilesBytes(files, tokenizer_bytes);
    const KvLayout layout(files.source->config());
    plan_.kv_bytes =
        layout.BytesFor(limits.max_positions) * static_cast<uint64_t>(limits.max_sequences);
    plan_.reserved_bytes = limits.reserved_bytes;
  }

  // A plan with this much for a step's rows and for decoding, and the least cache of experts.
  Result<MemoryPlan> Plan(int64_t max_rows, int max_slots, bool resident_embedding) {
    MemoryPlan plan = plan_;
    plan.resident_embedding = resident_embedding;
    WeightOptions options;
    options.resident_embedding = resident_embedding;
    EBB_TRY_ASSIGN(plan.weights_bytes, ModelWeights::ResidentBytes(*files_.source, options));
    plan.batch.max_positions = limits_.max_positions;
    plan.batch.max_output_rows = limits_.max_output_rows;
    plan.batch.max_rows = std::max(max_rows, limits_.max_output_rows);
    plan.decoder_bytes = Decoder::Bytes(files_.source->config(), backend_, plan.batch);
    if (files_.packed == nullptr) {
      EBB_TRY_ASSIGN(plan.cache_bytes, ResidentExperts::ResidentBytes(*files_.source));
      return plan;
    }
    const uint64_t slot_bytes = std::max<uint64_t>(1, PackedExperts::SlotBytes(*files_.packed));
    plan.slots = static_cast<int>(
        std::clamp<uint64_t>(kSlotsBytes / slot_bytes, 1, static_cast<uint64_t>(max_slots)));
    plan.slots_bytes = static_cast<uint64_t>(plan.slots) * slot_bytes;
    plan.cache_bytes = PackedExperts::LeastCacheBytes(*files_.packed);
    plan.token_experts_bytes = PackedExperts::TokenCacheBytes(*files_.packed);
    return plan;
  }

 private:
  const ModelFiles& files_;
  const Backend& backend_;
  const EngineLimits& limits_;
  MemoryPlan plan_;
};

}  // namespace

std::string MemoryPlan::ToString() const {
  return fmt::format(
      "weights {}, files and tokenizer {}, buffers {}, KV cache {}, decoded experts {}, cached "
      "experts {}{}",
      FormatSize(weights_bytes), FormatSize(files_bytes), FormatSize(decoder_bytes),
      FormatSize(kv_bytes), FormatSize(slots_bytes), FormatSize(cache_bytes),
      reserved_bytes == 0 ? "" : ", replaced experts " + FormatSize(reserved_bytes));
}

Result<MemoryPlan> PlanMemory(const ModelFiles& files, uint64_t tokenizer_bytes,
                              const Backend& backend, const EngineLimits& limits,
                              std::optional<uint64_t> cap_bytes) {
  Planner planner(files, tokenizer_bytes, backend, limits);
  if (!cap_bytes) {
    EBB_TRY_ASSIGN(MemoryPlan plan, planner.Plan(limits.max_rows, kMaxSlots, true));
    if (files.packed != nullptr) plan.cache_bytes = PackedExperts::MostCacheBytes(*files.packed);
    return plan;
  }
  // The least that works, then as much of each comfort as fits beside a cache that is worth having.
  EBB_TRY_ASSIGN(const MemoryPlan least, planner.Plan(1, 1, false));
  if (least.total_bytes() > *cap_bytes) {
    return MakeError(
        ErrorCode::kOutOfMemory, "--memory",
        "{} is too little: this needs at least {} for {} sequence(s) of {} tokens ({}){}",
        FormatSize(*cap_bytes), FormatSize(RoundedUp(least.total_bytes())), limits.max_sequences,
        limits.max_positions, least.ToString(),
        files.packed == nullptr
            ? "; experts of a checkpoint are all held in memory: make an .ebb file with "
              "`ebb compress`, whose experts are read when they are needed"
            : "");
  }
  MemoryPlan best = least;
  for (const int64_t rows : {8, 16, 32, 64, 128, 256}) {
    EBB_TRY_ASSIGN(const MemoryPlan plan,
                   planner.Plan(std::min(rows, limits.max_rows), kMaxSlots, false));
    const uint64_t comforts = plan.decoder_bytes + plan.slots_bytes;
    const uint64_t room = *cap_bytes - std::min(*cap_bytes, plan.total_bytes() - comforts);
    if (plan.total_bytes() > *cap_bytes || comforts > room / 4) break;
    best = plan;
  }
  if (files.packed != nullptr) {
    best.cache_bytes += *cap_bytes - best.total_bytes();
    best.cache_bytes = std::min(best.cache_bytes, PackedExperts::MostCacheBytes(*files.packed));
    // Memory that experts do not need may hold the embedding.
    EBB_TRY_ASSIGN(const MemoryPlan resident, planner.Plan(best.batch.max_rows, best.slots, true));
    if (best.total_bytes() - best.weights_bytes + resident.weights_bytes <= *cap_bytes) {
      best.weights_bytes = resident.weights_bytes;
      best.resident_embedding = true;
    }
  }
  return best;
}

}  // namespace ebb
