#include "study/worker.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/file.h"
#include "eval/accuracy.h"
#include "eval/likelihood.h"

namespace ebb {
namespace {

// The specification cut into one a layer with its experts by id: chosen by the coordinator, which
// knows what the routers select.
std::vector<InjectionSpec> ByLayer(const InjectionSpec& spec, const std::vector<ExpertKey>& keys) {
  std::map<int32_t, std::vector<int32_t>> ids;
  for (const ExpertKey& key : keys) ids[key.layer.value].push_back(key.expert.value);
  std::vector<InjectionSpec> specs;
  for (auto& [layer, experts] : ids) {
    InjectionSpec part = spec;
    part.layers = {layer};
    part.experts = {ExpertSelection::Kind::kIds, std::move(experts), 0};
    specs.push_back(std::move(part));
  }
  return specs;
}

// What the parts of one specification did together.
ResultRow ErrorRow(int64_t cell, int64_t position, const std::string& spec,
                   std::span<const InjectionSummary> parts) {
  uint64_t experts = 0;
  uint64_t weights = 0;
  double squares = 0;
  double bits = 0;
  bool has_bits = !parts.empty();
  std::optional<double> max_error;
  for (const InjectionSummary& part : parts) {
    experts += part.experts.size();
    weights += part.weights;
    const auto count = static_cast<double>(part.weights);
    squares += part.rmse_over_mean_abs * part.rmse_over_mean_abs * count;
    has_bits = has_bits && part.bits_per_weight.has_value();
    bits += part.bits_per_weight.value_or(0) * count;
    if (part.max_error_over_bound) {
      max_error = std::max(max_error.value_or(0), *part.max_error_over_bound);
    }
  }
  const double count = std::max(1.0, static_cast<double>(weights));
  ResultRow row;
  row.table = ResultTable::kError;
  row.values = {cell, position, spec, static_cast<int64_t>(experts), static_cast<int64_t>(weights)};
  row.values.resize(9);  // what is not set stays NULL
  if (has_bits) {
    row.values[5] = static_cast<int64_t>(std::llround(bits / 8));
    row.values[6] = bits / count;
  }
  row.values[7] = std::sqrt(squares / count);
  if (max_error) row.values[8] = *max_error;
  return row;
}

ResultRow KlRow(int64_t cell, const ItemDivergence& item) {
  Blob kls(item.token_kl.size() * sizeof(float));
  std::copy_n(std::as_bytes(std::span(item.token_kl)).data(), kls.size(), kls.data());
  ResultRow row;
  row.table = ResultTable::kKl;
  row.values = {cell,        item.item,       item.tokens,  item.sum_kl,
                item.max_kl, item.agreements, item.sum_nll, std::move(kls)};
  return row;
}

// A row a layer. A layer without a router has no flips and nothing carried.
void AddInsideRows(int64_t cell, const ItemDivergence& item, const ModelConfig& config,
                   std::vector<ResultRow>* rows) {
  for (size_t l = 0; l < item.inside->layers.size(); ++l) {
    const InsideSums& sums = item.inside->layers[l];
    const auto layer = static_cast<int64_t>(l);
    ResultRow row;
    row.table = ResultTable::kInside;
    row.values = {cell, item.item, layer, item.inside->tokens, sums.drift};
    row.values.resize(7);
    if (config.IsMoeLayer({static_cast<int32_t>(l)})) {
      row.values[5] = sums.flips;
      row.values[6] = sums.carried;
    }
    rows->push_back(std::move(row));
  }
}

ResultRow AnswerRow(int64_t cell, int64_t item, const ItemRecord& record) {
  const auto flag = [](bool value) { return SqlValue(int64_t{value}); };
  const GradeResult& grade = record.grade;
  ResultRow row;
  row.table = ResultTable::kAnswer;
  row.values = {cell,
                item,
                record.new_tokens,
                FinishReasonName(record.stop),
                record.text,
                std::string(ExtractionTierName(grade.tier)),
                std::monostate(),
                std::string(CompareRuleName(grade.rule)),
                flag(grade.equal),
                flag(grade.ica),
                flag(grade.in_format),
                flag(record.truncated),
                flag(record.empty),
                flag(record.looping)};
  if (grade.tier != ExtractionTier::kNone) row.values[6] = grade.extracted;
  return row;
}

// How many items (of router statistics: blocks) a unit of that kind can be of.
int64_t ItemsOf(const StudyData& data, UnitKind kind) {
  const auto items = static_cast<int64_t>(data.items.size());
  if (kind == UnitKind::kKl) return data.kl_items;
  return kind == UnitKind::kAnswers ? items : (items + kRouterBlockItems - 1) / kRouterBlockItems;
}

Status CheckUnit(const Unit& unit, const StudyInputs& inputs) {
  const auto corrupt = [](const char* what, int64_t number) {
    return MakeError(ErrorCode::kCorrupt, "unit", "there is no {} {}", what, number);
  };
  if (unit.data < 0 || unit.data >= static_cast<int64_t>(inputs.data.size())) {
    return corrupt("data set", unit.data);
  }
  const int64_t items = ItemsOf(inputs.data[static_cast<size_t>(unit.data)], unit.kind);
  for (const int64_t item : unit.items) {
    if (item < 0 || item >= items) return corrupt("item", item);
  }
  if (unit.specs.size() != unit.experts.size()) {
    return MakeError(ErrorCode::kCorrupt, "unit", "it has {} specifications, and experts of {}",
                     unit.specs.size(), unit.experts.size());
  }
  for (const std::vector<ExpertKey>& keys : unit.experts) {
    for (const ExpertKey& key : keys) {
      const int32_t layer = key.layer.value;
      const bool is_moe =
          layer >= 0 && layer < inputs.config.num_layers && inputs.config.IsMoeLayer(key.layer);
      if (!is_moe) return corrupt("layer with experts", layer);
      const int32_t expert = key.expert.value;
      if (expert < 0 || expert >= inputs.config.moe.num_experts) return corrupt("expert", expert);
    }
  }
  return {};
}

}  // namespace

StudyWorker::StudyWorker(const StudyInputs& inputs, const WorkerOptions& options)
    : inputs_(inputs), options_(options), pool_(options.threads) {}

Result<std::unique_ptr<StudyWorker>> StudyWorker::Open(const StudyInputs& inputs,
                                                       const WorkerOptions& options) {
  std::unique_ptr<StudyWorker> worker(new StudyWorker(inputs, options));
  EngineOptions engine;
  engine.memory_cap_bytes = options.memory_cap_bytes;
  engine.threads = options.threads;
  engine.limits = inputs.limits;
  engine.limits.reserved_bytes = options.reserved_bytes;
  EBB_TRY_ASSIGN(worker->engine_, Engine::Open(inputs.file.model, engine));
  worker->kl_.emplace(*worker->engine_, inputs, options.reference_bytes);
  return worker;
}

Status StudyWorker::Run(const Unit& unit, const RowSink& sink) {
  EBB_TRY(CheckUnit(unit, inputs_));
  Status status;
  switch (unit.kind) {
    case UnitKind::kRouter:
      status = CountRouter(unit, sink);
      break;
    case UnitKind::kKl:
      status = MeasureKl(unit, sink);
      break;
    case UnitKind::kAnswers:
      status = MeasureAnswers(unit, sink);
      break;
  }
  if (status) return {};
  std::string cell = "router statistics";
  if (unit.kind != UnitKind::kRouter) {
    cell = "cell";
    for (const std::string& spec : unit.specs) cell += " " + spec;
    if (unit.specs.empty()) cell += " baseline";
  }
  return tl::unexpected(Error(status.error()).In(cell));
}

Status StudyWorker::CountRouter(const Unit& unit, const RowSink& sink) {
  const StudyData& data = inputs_.data[static_cast<size_t>(unit.data)];
  engine_->RestoreExperts();
  for (const int64_t block : unit.items) {
    const auto first = static_cast<size_t>(block * kRouterBlockItems);
    const size_t count = std::min<size_t>(kRouterBlockItems, data.texts.size() - first);
    SelectionCounter counter(inputs_.config);
    EBB_TRY(CountSelections(*engine_, std::span(data.texts).subspan(first, count), data.spec.batch,
                            &counter));
    std::vector<ResultRow> rows;
    for (int64_t l = inputs_.config.moe.first_dense_layers; l < inputs_.config.num_layers; ++l) {
      for (int64_t e = 0; e < inputs_.config.moe.num_experts; ++e) {
        const ExpertKey key = {{static_cast<int32_t>(l)}, {static_cast<int32_t>(e)}};
        rows.push_back({ResultTable::kRouter,
                        {unit.data, block, l, e, static_cast<int64_t>(counter.count(key))}});
      }
    }
    EBB_TRY(sink(std::move(rows)));
  }
  return {};
}

Status StudyWorker::PrepareCell(const Unit& unit, const RowSink& sink) {
  if (prepared_cell_ == unit.cell) return {};
  prepared_cell_.reset();
  prepared_ = {};
  std::vector<InjectionSpec> parts;
  std::vector<size_t> sizes;
  for (size_t s = 0; s < unit.specs.size(); ++s) {
    EBB_TRY_ASSIGN(const InjectionSpec spec, ParseInjection(unit.specs[s]));
    std::vector<InjectionSpec> by_layer = ByLayer(spec, unit.experts.at(s));
    sizes.push_back(by_layer.size());
    parts.insert(parts.end(), by_layer.begin(), by_layer.end());
  }
  EBB_TRY_ASSIGN(prepared_, MakeInjection(*engine_, parts, nullptr, pool_));
  // An .ebb's own experts are multiplied as codes, others as float32, which rounds otherwise
  // (docs/numbers.md): where nothing has changed, nothing is replaced.
  const bool changed =
      std::any_of(prepared_.summaries.begin(), prepared_.summaries.end(),
                  [](const InjectionSummary& part) { return part.rmse_over_mean_abs != 0; });
  if (!changed && !IsDirectory(inputs_.file.model)) prepared_.weights.clear();
  std::vector<ResultRow> rows;
  const auto summaries = std::span<const InjectionSummary>(prepared_.summaries);
  size_t first = 0;
  for (size_t s = 0; s < sizes.size(); ++s) {
    rows.push_back(ErrorRow(unit.cell, static_cast<int64_t>(s), unit.specs[s],
                            summaries.subspan(first, sizes[s])));
    first += sizes[s];
  }
  prepared_cell_ = unit.cell;
  if (rows.empty()) return {};
  return sink(std::move(rows));
}

Status StudyWorker::MeasureKl(const Unit& unit, const RowSink& sink) {
  EBB_TRY(PrepareCell(unit, sink));
  return kl_->Run(static_cast<size_t>(unit.data), unit.items, prepared_, unit.inside,
                  [&](const std::vector<ItemDivergence>& items) {
                    std::vector<ResultRow> rows;
                    for (const ItemDivergence& item : items) {
                      rows.push_back(KlRow(unit.cell, item));
                      if (item.inside) AddInsideRows(unit.cell, item, inputs_.config, &rows);
                    }
                    return sink(std::move(rows));
                  });
}

Status StudyWorker::MeasureAnswers(const Unit& unit, const RowSink& sink) {
  EBB_TRY(PrepareCell(unit, sink));
  const StudyData& data = inputs_.data[static_cast<size_t>(unit.data)];
  std::vector<TaskItem> items;
  std::vector<ItemTokens> tokens;
  for (const int64_t item : unit.items) {
    items.push_back(data.items[static_cast<size_t>(item)]);
    tokens.push_back(data.tokens[static_cast<size_t>(item)]);
  }
  AccuracyOptions options;
  options.new_tokens = data.spec.new_tokens;
  options.batch = data.spec.batch;
  options.sampling = data.spec.sampling;
  prepared_.Install(*engine_);
  const auto result = EvaluateAccuracy(*engine_, items, tokens, data.stops, options, {},
                                       [&](size_t i, const ItemRecord& record) {
                                         return sink({AnswerRow(unit.cell, unit.items[i], record)});
                                       });
  engine_->RestoreExperts();
  EBB_TRY(Status(result.map([](const AccuracyResult&) {})));
  return {};
}

}  // namespace ebb
