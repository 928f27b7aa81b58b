#include "cli/eval_report.h"

#include <cmath>

#include "base/units.h"

namespace ebb {
namespace {

// A figure and, beside it, its 95 % interval as [low, high].
void AddEstimate(const char* key, const Estimate& estimate, OrderedJson* json) {
  (*json)[key] = FiniteOrNull(estimate.value);
  (*json)[std::string(key) + "_interval"] = {FiniteOrNull(estimate.interval.low),
                                             FiniteOrNull(estimate.interval.high)};
}

OrderedJson Optional(const std::optional<double>& value) {
  return value ? FiniteOrNull(*value) : OrderedJson(nullptr);
}

OrderedJson TextOrNull(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

void PrintEstimate(const char* what, const char* format, const Estimate& estimate) {
  const auto number = [&](double value) {
    return std::isfinite(value) ? fmt::format(fmt::runtime(format), value) : std::string("n/a");
  };
  fmt::print("{:<42}{}  [{}, {}]\n", what, number(estimate.value), number(estimate.interval.low),
             number(estimate.interval.high));
}

OrderedJson ItemHead(const LikelihoodItem& item) {
  OrderedJson row;
  row["id"] = item.id;
  row["tokens"] = item.tokens;
  return row;
}

double PerToken(double sum, int64_t tokens) {
  return tokens == 0 ? 0 : sum / static_cast<double>(tokens);
}

OrderedJson ItemRow(const ItemRecord& item) {
  OrderedJson row;
  row["id"] = item.id;
  row["prompt_hash"] = item.prompt_hash;
  row["prompt_tokens"] = item.prompt_tokens;
  row["tokens"] = item.new_tokens;
  row["stop_reason"] = FinishReasonName(item.stop);
  row["text"] = item.text;
  row["tier"] = ExtractionTierName(item.grade.tier);
  row["extracted"] = nullptr;
  if (item.grade.tier != ExtractionTier::kNone) row["extracted"] = item.grade.extracted;
  row["rule"] = CompareRuleName(item.grade.rule);
  row["pia"] = item.grade.equal;
  row["ica"] = item.grade.ica;
  row["in_format"] = item.grade.in_format;
  row["truncated"] = item.truncated;
  row["empty"] = item.empty;
  row["looping"] = item.looping;
  row["failure"] = nullptr;
  if (item.failure != Failure::kNone) row["failure"] = FailureName(item.failure);
  return row;
}

}  // namespace

OrderedJson ToJson(const EvalHeader& header, std::span<const InjectionSummary> injections) {
  OrderedJson json;
  json["model"] = header.model;
  json["task"] = TaskName(header.task);
  json["data"] = header.data;
  if (header.task == Task::kKl) {
    json["reference"] = header.reference.empty() ? header.model : header.reference;
  }
  json["chat"] = header.chat;
  json["template_hash"] = TextOrNull(header.template_hash);
  json["shots_hash"] = TextOrNull(header.shots_hash);
  if (!IsLikelihoodTask(header.task)) {
    json["temperature"] = header.sampling.temperature;
    json["top_k"] = header.sampling.top_k;
    json["top_p"] = header.sampling.top_p;
    json["seed"] = header.sampling.seed;
  }
  json["items"] = header.items;
  json["injections"] = OrderedJson::array();
  for (const InjectionSummary& injection : injections) {
    OrderedJson entry;
    entry["spec"] = injection.spec;
    entry["experts"] = OrderedJson::array();
    for (const ExpertKey& key : injection.experts) {
      entry["experts"].push_back(fmt::format("{}/{}", key.layer.value, key.expert.value));
    }
    entry["weights"] = injection.weights;
    entry["max_error_over_bound"] = Optional(injection.max_error_over_bound);
    entry["rmse_over_mean_abs"] = FiniteOrNull(injection.rmse_over_mean_abs);
    entry["bits_per_weight"] = Optional(injection.bits_per_weight);
    json["injections"].push_back(std::move(entry));
  }
  json["seconds"] = header.seconds;
  return json;
}

void AddResult(const KlResult& result, OrderedJson* json) {
  (*json)["tokens"] = result.tokens;
  AddEstimate("mean_kl", result.mean_kl, json);
  AddEstimate("median_kl", result.median_kl, json);
  AddEstimate("p99_kl", result.p99_kl, json);
  (*json)["max_kl"] = FiniteOrNull(result.max_kl);
  AddEstimate("top1_agreement", result.top1_agreement, json);
}

void AddResult(const PerplexityResult& result, OrderedJson* json) {
  (*json)["tokens"] = result.tokens;
  AddEstimate("perplexity", result.perplexity, json);
  AddEstimate("mean_nll", result.mean_nll, json);
}

void AddResult(const AccuracyResult& result, OrderedJson* json) {
  AddEstimate("ica", result.ica, json);
  AddEstimate("pia", result.pia, json);
  AddEstimate("format_rate", result.format_rate, json);
  (*json)["truncated"] = result.truncated;
  (*json)["empty"] = result.empty;
  (*json)["looping"] = result.looping;
  OrderedJson failures;
  for (int kind = 1; kind < kFailureKinds; ++kind) {
    failures[std::string(FailureName(static_cast<Failure>(kind)))] =
        result.failures[static_cast<size_t>(kind)];
  }
  (*json)["failures"] = std::move(failures);
  (*json)["new_tokens"] = result.new_tokens;
}

void AddInside(std::span<const InsideLayer> layers, OrderedJson* json) {
  OrderedJson& rows = (*json)["inside"] = OrderedJson::array();
  for (const InsideLayer& layer : layers) {
    OrderedJson row;
    row["layer"] = layer.layer.value;
    AddEstimate("drift", layer.drift, &row);
    if (layer.has_experts) {
      AddEstimate("router_flips", layer.flips, &row);
      AddEstimate("carried", layer.carried, &row);
    } else {
      for (const char* key :
           {"router_flips", "router_flips_interval", "carried", "carried_interval"}) {
        row[key] = nullptr;
      }
    }
    rows.push_back(std::move(row));
  }
}

void Print(const EvalHeader& header, std::span<const InjectionSummary> injections) {
  fmt::print("{} on {}, {} items of {}, {}\n", TaskName(header.task), header.model, header.items,
             header.data, FormatSeconds(header.seconds));
  for (const InjectionSummary& injection : injections) {
    std::string line = fmt::format("injected {}: {} experts, {} weights, RMSE {:.4f} x mean |w|",
                                   injection.spec, injection.experts.size(),
                                   FormatCount(injection.weights), injection.rmse_over_mean_abs);
    if (injection.max_error_over_bound) {
      line += fmt::format(", most {:.4f} x the bound", *injection.max_error_over_bound);
    }
    if (injection.bits_per_weight) {
      line += fmt::format(", {:.3f} bits a weight", *injection.bits_per_weight);
    }
    fmt::print("{}\n", line);
  }
}

void Print(const KlResult& result) {
  PrintEstimate("mean KL divergence (nats a token)", "{:.6g}", result.mean_kl);
  PrintEstimate("median", "{:.6g}", result.median_kl);
  PrintEstimate("99th percentile", "{:.6g}", result.p99_kl);
  fmt::print("{:<42}{:.6g}\n", "largest", result.max_kl);
  PrintEstimate("top-1 agreement", "{:.4f}", result.top1_agreement);
  fmt::print("{} tokens scored; intervals: 95 %, by item\n", result.tokens);
}

void Print(const PerplexityResult& result) {
  PrintEstimate("perplexity", "{:.5g}", result.perplexity);
  fmt::print("{} tokens scored; interval: 95 %, by item\n", result.tokens);
}

void Print(const AccuracyResult& result) {
  PrintEstimate("ICA (right and in the format)", "{:.4f}", result.ica);
  PrintEstimate("PIA (right, wherever the answer stands)", "{:.4f}", result.pia);
  PrintEstimate("in the format", "{:.4f}", result.format_rate);
  fmt::print("{} truncated, {} empty, {} looping; intervals: 95 %\n", result.truncated,
             result.empty, result.looping);
  std::string failures;
  for (int kind = 1; kind < kFailureKinds; ++kind) {
    failures +=
        fmt::format("{}{} {}", kind == 1 ? "" : ", ", result.failures[static_cast<size_t>(kind)],
                    FailureName(static_cast<Failure>(kind)));
  }
  fmt::print("failures: {}\n", failures);
}

void Print(std::span<const InsideLayer> layers) {
  if (layers.empty()) return;
  fmt::print("{:>5} {:>28} {:>28} {:>28}\n", "layer", "drift", "router flips", "carried");
  const auto text = [](const Estimate& e) {
    if (!std::isfinite(e.interval.low)) return fmt::format("{:.5f} [n/a, n/a]", e.value);
    return fmt::format("{:.5f} [{:.5f}, {:.5f}]", e.value, e.interval.low, e.interval.high);
  };
  for (const InsideLayer& layer : layers) {
    fmt::print("{:>5} {:>28} {:>28} {:>28}\n", layer.layer.value, text(layer.drift),
               layer.has_experts ? text(layer.flips) : "-",
               layer.has_experts ? text(layer.carried) : "-");
  }
}

std::vector<OrderedJson> ItemRows(const KlResult& result) {
  std::vector<OrderedJson> rows;
  for (const LikelihoodItem& item : result.items) {
    OrderedJson row = ItemHead(item);
    row["mean_kl"] = PerToken(item.sum_kl, item.tokens);
    row["top1_agreement"] = PerToken(static_cast<double>(item.agreements), item.tokens);
    row["mean_nll"] = PerToken(item.sum_nll, item.tokens);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<OrderedJson> ItemRows(const PerplexityResult& result) {
  std::vector<OrderedJson> rows;
  for (const LikelihoodItem& item : result.items) {
    OrderedJson row = ItemHead(item);
    row["mean_nll"] = PerToken(item.sum_nll, item.tokens);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<OrderedJson> ItemRows(const AccuracyResult& result) {
  std::vector<OrderedJson> rows;
  for (const ItemRecord& item : result.items) rows.push_back(ItemRow(item));
  return rows;
}

Status WriteRows(AtomicFile& file, std::span<const OrderedJson> rows) {
  for (const OrderedJson& row : rows) {
    EBB_TRY(file.Append(row.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n"));
  }
  return file.Commit();
}

}  // namespace ebb
