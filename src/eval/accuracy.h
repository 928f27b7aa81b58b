// How many problems a model answers right: many items generate in one engine, and each is graded.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "engine/generator.h"
#include "eval/prompt.h"
#include "grade/grade.h"
#include "stats/proportions.h"

namespace ebb {

struct AccuracyOptions {
  int64_t new_tokens = 256;  // at most, of one item
  int64_t batch = 32;        // items at once; does not change results
  // Each item has random numbers of its own, from this seed and its id.
  SamplingOptions sampling;
};

// How an output failed that is not right by ICA: the first that fits.
enum class Failure : uint8_t {
  kNone,               // it is right
  kSilence,            // nothing but white space
  kLooping,            // IsLooping
  kTruncated,          // ended by new_tokens or the context
  kFormatViolation,    // PIA right, ICA wrong
  kReasoningCollapse,  // both wrong
};
inline constexpr int kFailureKinds = 6;
[[nodiscard]] std::string_view FailureName(Failure failure);
[[nodiscard]] Failure ClassifyFailure(bool pia, bool ica, bool empty, bool looping, bool truncated);

// What became of one item.
struct ItemRecord {
  std::string id;
  std::string prompt_hash;
  int64_t prompt_tokens = 0;
  int64_t new_tokens = 0;
  FinishReason stop = FinishReason::kStop;
  std::string text;
  GradeResult grade;
  bool truncated = false;  // ended by new_tokens or the context
  bool empty = false;      // nothing but white space
  bool looping = false;    // IsLooping
  Failure failure = Failure::kNone;
};

struct AccuracyResult {
  Estimate ica;  // with 95 % Wilson intervals
  Estimate pia;
  Estimate format_rate;
  int64_t truncated = 0;
  int64_t empty = 0;
  int64_t looping = 0;
  std::array<int64_t, kFailureKinds> failures{};  // items, by Failure
  int64_t new_tokens = 0;                         // of all items
  std::vector<ItemRecord> items;
};

// Whether the tokens end in at least four repetitions of a block of 1 to 64 tokens that together
// are at least 32 tokens long.
[[nodiscard]] bool IsLooping(std::span<const int32_t> tokens);

// Whether all items have an answer that outputs can be graded against. One that has not is named by
// file, line and field.
[[nodiscard]] Status CheckGold(std::span<const TaskItem> items);

// What an engine must be opened with. A prompt that leaves no room for a token is an error that
// names the item.
[[nodiscard]] Result<EngineLimits> AccuracyLimits(const ModelConfig& config,
                                                  std::span<const TaskItem> items,
                                                  std::span<const ItemTokens> tokens,
                                                  const AccuracyOptions& options);

// The seed of an item's random numbers.
[[nodiscard]] uint64_t ItemSeed(uint64_t seed, std::string_view id);

// `tokens` are those of the items, in order. An item that cannot be
// computed ends the evaluation with its error.
// `on_item` (may be empty) gets each item's number and record as soon as it has ended, before any
// later error; an error of its own ends the evaluation.
using ItemSink = std::function<Status(size_t item, const ItemRecord& record)>;
[[nodiscard]] Result<AccuracyResult> EvaluateAccuracy(
    Engine& engine, std::span<const TaskItem> items, std::span<const ItemTokens> tokens,
    const std::vector<std::string>& stops, const AccuracyOptions& options,
    const ProgressSink& progress = {}, const ItemSink& on_item = {});

}  // namespace ebb
