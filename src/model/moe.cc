#include "model/moe.h"

#include <algorithm>

#include "base/error.h"
#include "model/mlp.h"

namespace ebb {

MoeBlock::MoeBlock(const ModelConfig& config, const Backend& backend, const Buffers& buffers)
    : config_(config), moe_(config.moe), backend_(backend), buffers_(buffers), router_(config.moe) {
  const auto pairs = static_cast<size_t>(buffers.moe.expert_output.count);
  const auto experts = static_cast<size_t>(moe_.num_experts);
  chosen_.resize(pairs);
  weights_.resize(pairs);
  sorted_at_.resize(pairs);
  pair_rows_.resize(pairs);
  pair_numbers_.resize(pairs);
  ranges_.resize(experts);
  demands_.reserve(experts);
  products_.reserve(2 * experts);
}

uint64_t MoeBlock::ListBytes(const ModelConfig& config, int64_t max_rows) {
  const uint64_t per_pair = 5 * sizeof(int32_t);
  const uint64_t per_expert = sizeof(PairRange) + sizeof(ExpertDemand) + 2 * sizeof(MatProduct);
  return static_cast<uint64_t>(max_rows * config.moe.experts_per_token) * per_pair +
         static_cast<uint64_t>(config.moe.num_experts) * per_expert;
}

void MoeBlock::Run(LayerId layer, const LayerWeights& weights, Step& step, ConstRows x, Rows y,
                   ExpertProvider& experts, ForwardObserver* observer) {
  {
    const TraceSpan span(trace_, "router");
    Choose(weights, step, x);
  }
  if (observer != nullptr) {
    const auto pairs = static_cast<size_t>(pairs_);
    observer->OnRouting(
        layer, step.rows(),
        {moe_.experts_per_token, {chosen_.data(), pairs}, {weights_.data(), pairs}});
  }
  SortPairsByExpert();
  experts.Begin(layer, demands_);

  // While the experts arrive:
  Rows shared;
  if (weights.shared) {
    const TraceSpan span(trace_, "shared experts");
    shared = First(buffers_.moe.shared_output, x.count);
    RunMlp(backend_, *weights.shared, x, buffers_.mlp_gate, buffers_.mlp_up, shared);
  }

  RunExperts(layer, x, step, experts);
  const auto pairs = static_cast<size_t>(pairs_);
  backend_.WeightedSum(buffers_.moe.expert_output, {sorted_at_.data(), pairs},
                       {weights_.data(), pairs}, y, config_.hidden_size);
  if (observer != nullptr) observer->OnExperts(layer, step.rows(), y, shared);
  if (weights.shared) backend_.Add(shared, y, config_.hidden_size);
}

// Fills chosen_ and weights_ for all rows.
void MoeBlock::Choose(const LayerWeights& weights, const Step& step, ConstRows x) {
  const int64_t experts = moe_.num_experts;
  const auto k = static_cast<size_t>(moe_.experts_per_token);
  const Rows scores = First(buffers_.moe.scores, x.count);
  backend_.MatMul(weights.router.view(), x, scores);
  if (moe_.scoring == RouterScoring::kSoftmaxThenTopK) {
    backend_.Softmax(scores, experts);
  } else {
    backend_.Sigmoid(scores, experts);
  }
  pairs_ = x.count * moe_.experts_per_token;
  for (int64_t t = 0; t < x.count; ++t) {
    const std::span<int32_t> chosen{chosen_.data() + static_cast<size_t>(t) * k, k};
    const std::span<float> weight{weights_.data() + static_cast<size_t>(t) * k, k};
    if (step.IsActive(t)) {
      router_.Choose({scores.row(t), static_cast<size_t>(experts)}, weights.router_bias, chosen,
                     weight);
    } else {
      std::ranges::fill(chosen, -1);
      std::ranges::fill(weight, 0.0f);
    }
  }
}

// A counting sort, so that the rows of each expert stand together in rising order.
void MoeBlock::SortPairsByExpert() {
  std::ranges::fill(ranges_, PairRange{});
  for (int64_t pair = 0; pair < pairs_; ++pair) {
    if (chosen_[pair] >= 0) ++ranges_[chosen_[pair]].count;
  }
  demands_.clear();
  int64_t first = 0;
  for (int32_t e = 0; e < moe_.num_experts; ++e) {
    ranges_[e].first = first;
    first += ranges_[e].count;
    if (ranges_[e].count > 0) demands_.push_back({ExpertId{e}, ranges_[e].count});
    ranges_[e].count = 0;
  }
  for (int64_t pair = 0; pair < pairs_; ++pair) {
    sorted_at_[pair] = -1;
    if (chosen_[pair] < 0) continue;
    PairRange& range = ranges_[chosen_[pair]];
    const int64_t at = range.first + range.count++;
    pair_rows_[at] = static_cast<int32_t>(pair / moe_.experts_per_token);
    pair_numbers_[at] = static_cast<int32_t>(pair);
    sorted_at_[pair] = static_cast<int32_t>(at);
  }
}

// Takes the experts as they become ready, in groups that fit into the buffers.
void MoeBlock::RunExperts(LayerId layer, ConstRows x, Step& step, ExpertProvider& experts) {
  for (size_t outstanding = demands_.size(); outstanding > 0;) {
    const std::span<const ExpertGrant> grants = experts.Next();
    EBB_CHECK(!grants.empty() && grants.size() <= outstanding);
    outstanding -= grants.size();
    for (size_t begin = 0; begin < grants.size();) {
      size_t end = begin;
      int64_t rows = 0;
      while (end < grants.size() &&
             (end == begin || rows + PairCount(grants[end]) <= buffers_.moe.gate.count)) {
        rows += PairCount(grants[end++]);
      }
      {
        const TraceSpan span(trace_, "experts",
                             [&] { return fmt::format("{} experts, {} rows", end - begin, rows); });
        RunGroup(layer, grants.subspan(begin, end - begin), x, step);
      }
      begin = end;
    }
    for (const ExpertGrant& grant : grants) experts.Release(grant.expert);
  }
}

// gate and up of all experts of the group in one go, then silu, then down: so that the threads find
// enough work even when each expert has one row.
void MoeBlock::RunGroup(LayerId layer, std::span<const ExpertGrant> group, ConstRows x,
                        Step& step) {
  int64_t rows = 0;
  products_.clear();
  for (const ExpertGrant& grant : group) {
    if (!grant.matrices) {
      FailExpert(layer, grant.expert, grant.matrices.error(), step);
      continue;
    }
    AddGateAndUp(grant, x, rows);
    rows += PairCount(grant);
  }
  backend_.MatMul(products_);
  const Rows gate = First(buffers_.moe.gate, rows);
  backend_.SiluMultiply(gate, First(buffers_.moe.up, rows), moe_.intermediate_size);
  products_.clear();
  int64_t at = 0;
  for (const ExpertGrant& grant : group) {
    if (!grant.matrices) continue;
    const PairRange& range = ranges_[grant.expert.value];
    const Rows& output = buffers_.moe.expert_output;
    products_.push_back({grant.matrices->down,
                         {gate.row(at), range.count, gate.stride},
                         {output.row(range.first), range.count, output.stride}});
    at += range.count;
  }
  backend_.MatMul(products_);
  for (const ExpertGrant& grant : group) {
    if (grant.matrices && grant.matrices->IsCorrupt()) {
      FailExpert(layer, grant.expert,
                 Error{ErrorCode::kCorrupt, "its encoded weights are damaged: compress again", {}},
                 step);
    }
  }
}

// The products of one expert, whose rows stand at `at` in the group's buffers.
void MoeBlock::AddGateAndUp(const ExpertGrant& grant, ConstRows x, int64_t at) {
  const PairRange& range = ranges_[grant.expert.value];
  const std::span<const int32_t> rows{pair_rows_.data() + range.first,
                                      static_cast<size_t>(range.count)};
  ConstRows inputs{x.row(rows.front()), range.count, x.stride};
  if (rows.back() - rows.front() + 1 != range.count) {  // not rows that stand together
    const Rows& gathered = buffers_.moe.gathered;
    const Rows to{gathered.row(at), range.count, gathered.stride};
    backend_.GatherRows(x, rows, to, config_.hidden_size);
    inputs = to;
  }
  const MoeBuffers& moe = buffers_.moe;
  products_.push_back(
      {grant.matrices->gate, inputs, {moe.gate.row(at), range.count, moe.gate.stride}});
  products_.push_back({grant.matrices->up, inputs, {moe.up.row(at), range.count, moe.up.stride}});
}

// The sequences that need the expert end; the others do not notice.
void MoeBlock::FailExpert(LayerId layer, ExpertId expert, const Error& cause, Step& step) {
  const Error error =
      Error(cause).In(fmt::format("layer {}, expert {}", layer.value, expert.value));
  const PairRange& range = ranges_[expert.value];
  for (int64_t at = range.first; at < range.first + range.count; ++at) {
    sorted_at_[pair_numbers_[at]] = -1;
    step.Fail(pair_rows_[at], error);
  }
}

int64_t MoeBlock::PairCount(const ExpertGrant& grant) const {
  return ranges_[grant.expert.value].count;
}

}  // namespace ebb
