// How `ebb eval` shows its results: as text, as one JSON object, and as a row an item.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/accuracy.h"
#include "eval/injection.h"
#include "eval/inside.h"
#include "eval/likelihood.h"

namespace ebb {

// What stands at the head of every result.
struct EvalHeader {
  std::string model;
  Task task = Task::kKl;
  std::string data;
  std::string reference;  // kl only; empty: the model without injection
  bool chat = false;
  std::string template_hash;  // of --template and --shots; empty: not given
  std::string shots_hash;
  SamplingOptions sampling;         // accuracy tasks
  std::vector<InsideLayer> inside;  // if it was asked for
  size_t items = 0;
  double seconds = 0;
};

[[nodiscard]] OrderedJson ToJson(const EvalHeader& header,
                                 std::span<const InjectionSummary> injections);
void AddResult(const KlResult& result, OrderedJson* json);
void AddResult(const PerplexityResult& result, OrderedJson* json);
void AddResult(const AccuracyResult& result, OrderedJson* json);

void AddInside(std::span<const InsideLayer> layers, OrderedJson* json);

void Print(const EvalHeader& header, std::span<const InjectionSummary> injections);
void Print(std::span<const InsideLayer> layers);
void Print(const KlResult& result);
void Print(const PerplexityResult& result);
void Print(const AccuracyResult& result);

[[nodiscard]] std::vector<OrderedJson> ItemRows(const KlResult& result);
[[nodiscard]] std::vector<OrderedJson> ItemRows(const PerplexityResult& result);
[[nodiscard]] std::vector<OrderedJson> ItemRows(const AccuracyResult& result);

// Writes JSON Lines and commits the file.
[[nodiscard]] Status WriteRows(AtomicFile& file, std::span<const OrderedJson> rows);

}  // namespace ebb
