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
    plan_.batch.max_positions = limits.max_positions;
    plan_.batch.max_output_rows = limits.max_output_rows;
    if (files.packed == nullptr) return;
    slot_bytes_ = std::max<uint64_t>(1, PackedExperts::SlotBytes(*files.packed));
    least_cache_bytes_ = PackedExperts::LeastCacheBytes(*files.packed);
    most_cache_bytes_ = PackedExperts::MostCacheBytes(*files.packed);
    plan_.token_experts_bytes = PackedExperts::TokenCacheBytes(*files.packed);
  }

  uint64_t most_cache_bytes() const { return most_cache_bytes_; }

  // A plan with this much for a step's rows and for decoding, and the least cache of experts.
  Result<MemoryPlan> Plan(int64_t max_rows, int max_slots, bool resident_embedding) const {
    MemoryPlan plan = plan_;
    plan.resident_embedding = resident_embedding;
    EBB_TRY_ASSIGN(plan.weights_bytes, WeightsBytes(plan));
    plan.batch.max_rows = std::max(max_rows, limits_.max_output_rows);
    plan.decoder_bytes = Decoder::Bytes(files_.source->config(), backend_, plan.batch);
    if (files_.packed == nullptr) {
      EBB_TRY_ASSIGN(plan.cache_bytes, ResidentExperts::ResidentBytes(*files_.source));
      return plan;
    }
    plan.slots = static_cast<int>(
        std::clamp<uint64_t>(kSlotsBytes / slot_bytes_, 1, static_cast<uint64_t>(max_slots)));
    plan.slots_bytes = static_cast<uint64_t>(plan.slots) * slot_bytes_;
    plan.cache_bytes = least_cache_bytes_;
    return plan;
  }

  // The cap, or as much of it as serves: the least that works, then as much of each comfort as fits
  // beside a cache that is worth having.
  Result<MemoryPlan> PlanUnder(uint64_t cap_bytes) const {
    EBB_TRY_ASSIGN(MemoryPlan best, Plan(1, 1, false));
    if (best.total_bytes() > cap_bytes) return TooLittle(best, cap_bytes);
    for (const int64_t rows : {8, 16, 32, 64, 128, 256}) {
      EBB_TRY_ASSIGN(const MemoryPlan plan,
                     Plan(std::min(rows, limits_.max_rows), kMaxSlots, false));
      const uint64_t comforts = plan.decoder_bytes + plan.slots_bytes;
      const uint64_t room = cap_bytes - std::min(cap_bytes, plan.total_bytes() - comforts);
      if (plan.total_bytes() > cap_bytes || comforts > room / 4) break;
      best = plan;
    }
    if (files_.packed == nullptr) return best;
    best.cache_bytes += cap_bytes - best.total_bytes();
    best.cache_bytes = std::min(best.cache_bytes, most_cache_bytes_);
    // Memory that experts do not need may hold the embedding.
    EBB_TRY_ASSIGN(const MemoryPlan resident, Plan(best.batch.max_rows, best.slots, true));
    if (best.total_bytes() - best.weights_bytes + resident.weights_bytes <= cap_bytes) {
      best.weights_bytes = resident.weights_bytes;
      best.resident_embedding = true;
    }
    return best;
  }

  // Spends `room` on compute-ready forms. Dense matrices first: every token uses them.
  Status AddHot(uint64_t room, MemoryPlan* plan) const {
    if (files_.packed == nullptr || room == 0) return {};
    MemoryPlan codes = *plan;
    codes.matrix_form = MatrixForm::kCodes;
    EBB_TRY_ASSIGN(codes.weights_bytes, WeightsBytes(codes));
    const uint64_t more = codes.weights_bytes - std::min(codes.weights_bytes, plan->weights_bytes);
    if (more <= room) {
      *plan = codes;
      room -= more;
    }
    const auto experts = static_cast<uint64_t>(std::ranges::count_if(
        files_.packed->groups(), [](const TensorGroup& group) { return group.routed_expert; }));
    plan->hot_experts = std::min(room / slot_bytes_, experts);
    plan->hot_bytes = plan->hot_experts * slot_bytes_;
    return {};
  }

 private:
  Result<uint64_t> WeightsBytes(const MemoryPlan& plan) const {
    WeightOptions options;
    options.resident_embedding = plan.resident_embedding;
    options.forms = files_.matrices.get();
    options.form = plan.matrix_form;
    return ModelWeights::ResidentBytes(*files_.source, options);
  }

  tl::unexpected<Error> TooLittle(const MemoryPlan& least, uint64_t cap_bytes) const {
    return MakeError(
        ErrorCode::kOutOfMemory, "--memory",
        "{} is too little: this needs at least {} for {} sequence(s) of {} tokens ({}){}",
        FormatSize(cap_bytes), FormatSize(RoundedUp(least.total_bytes())), limits_.max_sequences,
        limits_.max_positions, least.ToString(),
        files_.packed == nullptr
            ? "; experts of a checkpoint are all held in memory: make an .ebb file with "
              "`ebb compress`, whose experts are read when they are needed"
            : "");
  }

  const ModelFiles& files_;
  const Backend& backend_;
  const EngineLimits& limits_;
  uint64_t slot_bytes_ = 1;
  uint64_t least_cache_bytes_ = 0;
  uint64_t most_cache_bytes_ = 0;
  MemoryPlan plan_;
};

}  // namespace

std::string MemoryPlan::ToString() const {
  return fmt::format(
      "weights {}{}, files and tokenizer {}, buffers {}, KV cache {}, decoded experts {}, cached "
      "experts {}{}",
      FormatSize(weights_bytes), matrix_form == MatrixForm::kCodes ? " (compute-ready)" : "",
      FormatSize(files_bytes), FormatSize(decoder_bytes), FormatSize(kv_bytes),
      FormatSize(slots_bytes), FormatSize(cache_bytes),
      hot_experts > 0 ? fmt::format(", {} hot experts {}", hot_experts, FormatSize(hot_bytes))
                      : "");
}

Result<MemoryPlan> PlanMemory(const ModelFiles& files, uint64_t tokenizer_bytes,
                              const Backend& backend, const EngineLimits& limits,
                              const MemoryWish& wish) {
  const Planner planner(files, tokenizer_bytes, backend, limits);
  if (!wish.cap_bytes) {
    EBB_TRY_ASSIGN(MemoryPlan plan, planner.Plan(limits.max_rows, kMaxSlots, true));
    if (files.packed != nullptr) plan.cache_bytes = planner.most_cache_bytes();
    EBB_TRY(planner.AddHot(wish.hot_bytes.value_or(0), &plan));
    return plan;
  }
  const uint64_t hot = wish.hot_bytes.value_or(0);
  if (hot > *wish.cap_bytes) {
    return MakeError(ErrorCode::kInvalidArgument, "--hot", "{} is more than --memory {}",
                     FormatSize(hot), FormatSize(*wish.cap_bytes));
  }
  EBB_TRY_ASSIGN(MemoryPlan plan, planner.PlanUnder(*wish.cap_bytes - hot));
  EBB_TRY(planner.AddHot(wish.hot_bytes.value_or(*wish.cap_bytes - plan.total_bytes()), &plan));
  return plan;
}

}  // namespace ebb
