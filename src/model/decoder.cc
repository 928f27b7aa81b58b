#include "model/decoder.h"

#include <algorithm>
#include <new>

#include "model/mlp.h"

namespace ebb {

Result<std::unique_ptr<Decoder>> Decoder::Create(const ModelWeights& weights,
                                                 const Backend& backend,
                                                 const BatchLimits& limits) {
  if (limits.max_rows <= 0 || limits.max_output_rows <= 0 || limits.max_positions <= 0) {
    return MakeError(ErrorCode::kInvalidArgument, "decoder",
                     "limits of {} rows, {} of output, {} positions", limits.max_rows,
                     limits.max_output_rows, limits.max_positions);
  }
  if (limits.max_positions > weights.config().max_positions) {
    return MakeError(ErrorCode::kInvalidArgument, "decoder",
                     "{} positions are wanted; the model has {}", limits.max_positions,
                     weights.config().max_positions);
  }
  try {
    return std::unique_ptr<Decoder>(new Decoder(weights, backend, limits));
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorCode::kOutOfMemory, "decoder",
                     "the system has no memory left for batches of {} rows", limits.max_rows);
  }
}

Decoder::Decoder(const ModelWeights& weights, const Backend& backend, const BatchLimits& limits)
    : weights_(weights),
      config_(weights.config()),
      backend_(backend),
      limits_(limits),
      kv_layout_(config_),
      rope_(config_),
      memory_(static_cast<size_t>(Buffers(config_, limits, backend, nullptr).floats)),
      buffers_(config_, limits, backend, memory_.data()),
      attention_(MakeAttention(config_, backend, buffers_)),
      moe_(config_, backend, buffers_) {}

uint64_t Decoder::Bytes(const ModelConfig& config, const Backend& backend,
                        const BatchLimits& limits) {
  const auto floats = static_cast<uint64_t>(Buffers(config, limits, backend, nullptr).floats);
  return floats * sizeof(float) + MoeBlock::ListBytes(config, limits.max_rows);
}

Result<ForwardResult> Decoder::Forward(std::span<const BatchRow> rows, ExpertProvider& experts,
                                       ForwardObserver* observer) {
  EBB_TRY(CheckBatch(rows));
  EBB_TRY(ExtendCaches(rows));
  step_.Start(rows);
  Embed();
  positions_.clear();
  for (const BatchRow& row : rows) positions_.push_back(row.position);
  rope_.Fill(positions_, buffers_.cos.data(), buffers_.sin.data());
  if (observer != nullptr) {
    observer->OnResidual(LayerId{-1}, rows, First(buffers_.residual, step_.count()));
  }
  for (LayerId layer{0}; layer.value < config_.num_layers && step_.AnyActive(); ++layer.value) {
    RunLayer(layer, experts, observer);
  }
  WriteOutputs();
  ShortenFailedCaches();
  return ForwardResult{results_, step_.failures()};
}

Status Decoder::CheckBatch(std::span<const BatchRow> rows) const {
  if (rows.empty() || static_cast<int64_t>(rows.size()) > limits_.max_rows) {
    return MakeError(ErrorCode::kInvalidArgument, "batch", "{} rows; from 1 to {} are possible",
                     rows.size(), limits_.max_rows);
  }
  const auto outputs = std::ranges::count_if(
      rows, [](const BatchRow& row) { return row.wants_logits || row.wants_hidden; });
  if (outputs > limits_.max_output_rows) {
    return MakeError(ErrorCode::kInvalidArgument, "batch",
                     "{} rows want logits or hidden states; at most {} are possible", outputs,
                     limits_.max_output_rows);
  }
  for (size_t i = 0; i < rows.size(); ++i) EBB_TRY(CheckRow(rows[i], i));
  return {};
}

Status Decoder::CheckRow(const BatchRow& row, size_t number) const {
  const std::string where = fmt::format("batch row {}", number);
  if (row.cache == nullptr || row.cache->layout().page_floats() != kv_layout_.page_floats()) {
    return MakeError(ErrorCode::kInvalidArgument, where, "its KV cache is not one of this model");
  }
  if (row.token < 0 || row.token >= config_.vocab_size) {
    return MakeError(ErrorCode::kInvalidArgument, where, "token {} is not in the vocabulary of {}",
                     row.token, config_.vocab_size);
  }
  if (row.position >= limits_.max_positions) {
    return MakeError(ErrorCode::kInvalidArgument, where,
                     "position {} is beyond the context of {} tokens", row.position,
                     limits_.max_positions);
  }
  return {};
}

// One position for each row; when one cannot have its own, none gets one.
Status Decoder::ExtendCaches(std::span<const BatchRow> rows) const {
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t next = rows[i].cache->length();
    Status status;
    if (rows[i].position != next) {
      status = MakeError(ErrorCode::kInvalidArgument, fmt::format("batch row {}", i),
                         "position {} does not follow the {} that its sequence has",
                         rows[i].position, next);
    } else {
      status = rows[i].cache->Extend();
    }
    if (status) continue;
    while (i > 0) {
      --i;
      rows[i].cache->Truncate(rows[i].position);
    }
    return status;
  }
  return {};
}

void Decoder::Embed() {
  const auto hidden = static_cast<size_t>(config_.hidden_size);
  for (int64_t t = 0; t < step_.count(); ++t) {
    const BatchRow& row = step_.rows()[static_cast<size_t>(t)];
    float* to = buffers_.residual.row(t);
    const Status status = weights_.embedding().ReadRow(row.token, {to, hidden});
    if (status) continue;
    std::fill_n(to, hidden, 0.0f);
    step_.Fail(t, status.error());
  }
}

void Decoder::RunLayer(LayerId layer, ExpertProvider& experts, ForwardObserver* observer) {
  const TraceSpan layer_span(trace_, "layer", [&] { return fmt::format("{}", layer.value); });
  const LayerWeights& weights = weights_.layer(layer);
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const int64_t count = step_.count();
  const Rows residual = First(buffers_.residual, count);
  const Rows normed = First(buffers_.normed, count);
  const Rows output = First(buffers_.output, count);

  {
    const TraceSpan span(trace_, "attention");
    backend_.RmsNorm(weights.attention_norm, eps, residual, normed);
    attention_->Run(layer, weights, step_, normed, output);
    backend_.Add(output, residual, config_.hidden_size);
  }

  backend_.RmsNorm(weights.mlp_norm, eps, residual, normed);
  if (weights.dense) {
    const TraceSpan span(trace_, "dense MLP");
    RunMlp(backend_, *weights.dense, normed, buffers_.mlp_gate, buffers_.mlp_up, output);
  } else {
    moe_.Run(layer, weights, step_, normed, output, experts, observer);
  }
  backend_.Add(output, residual, config_.hidden_size);
  if (observer != nullptr) observer->OnResidual(layer, step_.rows(), residual);
}

void Decoder::WriteOutputs() {
  results_.assign(step_.rows().size(), {});
  output_rows_.clear();
  int64_t logits_count = 0;
  for (const bool with_logits : {true, false}) {
    for (int64_t t = 0; t < step_.count(); ++t) {
      const BatchRow& row = step_.rows()[static_cast<size_t>(t)];
      const bool wanted = with_logits ? row.wants_logits : row.wants_hidden && !row.wants_logits;
      if (wanted && step_.IsActive(t)) output_rows_.push_back(static_cast<int32_t>(t));
    }
    if (with_logits) logits_count = static_cast<int64_t>(output_rows_.size());
  }
  const TraceSpan span(trace_, "output head");
  const Rows hidden = First(buffers_.hidden, static_cast<int64_t>(output_rows_.size()));
  backend_.GatherRows(buffers_.residual, output_rows_, hidden, config_.hidden_size);
  backend_.RmsNorm(weights_.final_norm(), static_cast<float>(config_.rms_norm_eps), hidden, hidden);
  const Rows logits = First(buffers_.logits, logits_count);
  backend_.MatMul(weights_.output_head(), First(hidden, logits_count), logits);
  for (int64_t i = 0; i < hidden.count; ++i) {
    const auto row = static_cast<size_t>(output_rows_[static_cast<size_t>(i)]);
    if (step_.rows()[row].wants_hidden) results_[row].hidden = hidden.row(i);
    if (i < logits_count) results_[row].logits = logits.row(i);
  }
}

// A failed sequence holds what it held before the step, so that it can be tried again.
void Decoder::ShortenFailedCaches() {
  for (const SequenceFailure& failure : step_.failures()) {
    const auto first = std::ranges::find(step_.rows(), failure.cache, &BatchRow::cache);
    failure.cache->Truncate(first->position);
  }
}

}  // namespace ebb
