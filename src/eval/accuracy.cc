#include "eval/accuracy.h"

#include <algorithm>

#include "base/hash.h"

namespace ebb {
namespace {

constexpr size_t kMaxBlock = 64;
constexpr size_t kMinRepetitions = 4;
constexpr size_t kMinLoopTokens = 32;

ItemRecord MakeRecord(const Engine& engine, const TaskItem& item, const ItemTokens& tokens,
                      const GoldAnswer& gold, const Generation& generation) {
  ItemRecord record;
  record.id = item.id;
  record.prompt_hash = PromptHash(tokens.prompt);
  record.prompt_tokens = static_cast<int64_t>(tokens.prompt_ids.size());
  record.new_tokens = static_cast<int64_t>(generation.token_ids.size());
  record.stop = generation.finish_reason;
  record.text = generation.text;
  record.grade = gold.Grade(generation.text, item.format);
  record.truncated = generation.finish_reason == FinishReason::kLength;
  record.empty = generation.text.find_first_not_of(" \t\r\n") == std::string::npos;
  std::span<const int32_t> ids = generation.token_ids;
  const std::vector<int32_t>& ends = engine.tokenizer().eos_ids();
  if (!ids.empty() && std::find(ends.begin(), ends.end(), ids.back()) != ends.end()) {
    ids = ids.first(ids.size() - 1);
  }
  record.looping = IsLooping(ids);
  record.failure = ClassifyFailure(record.grade.equal, record.grade.ica, record.empty,
                                   record.looping, record.truncated);
  return record;
}

Result<GoldAnswer> GoldOf(const TaskItem& item) {
  auto gold = GoldAnswer::FromText(item.gold);
  if (!gold) gold.error().where = item.gold_where;
  return gold;
}

Result<std::vector<GoldAnswer>> ReadGold(std::span<const TaskItem> items) {
  std::vector<GoldAnswer> gold;
  for (const TaskItem& item : items) {
    EBB_TRY_ASSIGN(GoldAnswer answer, GoldOf(item));
    gold.push_back(std::move(answer));
  }
  return gold;
}

Status Summarise(AccuracyResult* result) {
  int64_t ica = 0;
  int64_t pia = 0;
  int64_t in_format = 0;
  for (const ItemRecord& item : result->items) {
    ica += item.grade.ica ? 1 : 0;
    pia += item.grade.equal ? 1 : 0;
    in_format += item.grade.in_format ? 1 : 0;
    result->truncated += item.truncated ? 1 : 0;
    result->empty += item.empty ? 1 : 0;
    result->looping += item.looping ? 1 : 0;
    ++result->failures[static_cast<size_t>(item.failure)];
    result->new_tokens += item.new_tokens;
  }
  const auto items = static_cast<int64_t>(result->items.size());
  EBB_TRY_ASSIGN(result->ica, WilsonInterval(ica, items));
  EBB_TRY_ASSIGN(result->pia, WilsonInterval(pia, items));
  EBB_TRY_ASSIGN(result->format_rate, WilsonInterval(in_format, items));
  return {};
}

}  // namespace

std::string_view FailureName(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return "none";
    case Failure::kSilence:
      return "silence";
    case Failure::kLooping:
      return "looping";
    case Failure::kTruncated:
      return "truncated";
    case Failure::kFormatViolation:
      return "format_violation";
    case Failure::kReasoningCollapse:
      return "reasoning_collapse";
  }
  return "";
}

Failure ClassifyFailure(bool pia, bool ica, bool empty, bool looping, bool truncated) {
  if (ica) return Failure::kNone;
  if (empty) return Failure::kSilence;
  if (looping) return Failure::kLooping;
  if (truncated) return Failure::kTruncated;
  return pia ? Failure::kFormatViolation : Failure::kReasoningCollapse;
}

uint64_t ItemSeed(uint64_t seed, std::string_view id) {
  const std::string place = fmt::format("{}/{}", seed, id);
  return Xxh3(std::as_bytes(std::span(place.data(), place.size())));
}

bool IsLooping(std::span<const int32_t> tokens) {
  for (size_t block = 1; block <= kMaxBlock; ++block) {
    const size_t needed = std::max(block * kMinRepetitions, kMinLoopTokens);
    if (tokens.size() < needed) break;
    const auto tail = tokens.last(needed);
    bool repeats = true;
    for (size_t i = block; i < needed && repeats; ++i) repeats = tail[i] == tail[i - block];
    if (repeats) return true;
  }
  return false;
}

Status CheckGold(std::span<const TaskItem> items) {
  for (const TaskItem& item : items) {
    const auto gold = GoldOf(item);
    if (!gold) return tl::unexpected(gold.error());
  }
  return {};
}

Result<EngineLimits> AccuracyLimits(const ModelConfig& config, std::span<const TaskItem> items,
                                    std::span<const ItemTokens> tokens,
                                    const AccuracyOptions& options) {
  EngineLimits limits;
  limits.max_sequences =
      std::min(options.batch, std::max<int64_t>(1, static_cast<int64_t>(items.size())));
  limits.max_output_rows = limits.max_sequences;
  limits.max_positions = 1;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto length = static_cast<int64_t>(tokens[i].prompt_ids.size());
    if (length == 0 || length >= config.max_positions) {
      return MakeError(ErrorCode::kInvalidArgument, "item " + items[i].id,
                       "its prompt has {} tokens, and this model's context ends at {}", length,
                       config.max_positions);
    }
    limits.max_positions =
        std::max(limits.max_positions, std::min(config.max_positions, length + options.new_tokens));
  }
  return limits;
}

Result<AccuracyResult> EvaluateAccuracy(Engine& engine, std::span<const TaskItem> items,
                                        std::span<const ItemTokens> tokens,
                                        const std::vector<std::string>& stops,
                                        const AccuracyOptions& options,
                                        const ProgressSink& progress, const ItemSink& on_item) {
  EBB_TRY_ASSIGN(const std::vector<GoldAnswer> gold, ReadGold(items));
  Generator generator(engine, std::min(options.batch, static_cast<int64_t>(items.size())));
  AccuracyResult result;
  for (size_t i = 0; i < items.size(); ++i) {
    GenerationRequest request;
    request.prompt = tokens[i].prompt_ids;
    request.max_new_tokens = options.new_tokens;
    request.stops = stops;
    request.sampling = options.sampling;
    request.sampling.seed = ItemSeed(options.sampling.seed, items[i].id);
    const auto submitted = generator.Submit(std::move(request));
    if (!submitted) return tl::unexpected(Error(submitted.error()).In("item " + items[i].id));
  }
  result.items.resize(items.size());
  std::vector<uint8_t> recorded(items.size());
  for (bool running = true; running;) {
    EBB_TRY_ASSIGN(running, generator.RunStep());
    for (size_t i = 0; i < items.size(); ++i) {
      if (recorded[i] != 0 || !generator.has_ended(i)) continue;
      recorded[i] = 1;
      const Generation& generation = generator.result(i);
      if (generation.finish_reason == FinishReason::kError) {
        return tl::unexpected(Error(generation.error).In("item " + items[i].id));
      }
      result.items[i] = MakeRecord(engine, items[i], tokens[i], gold[i], generation);
      if (on_item) EBB_TRY(on_item(i, result.items[i]));
    }
    if (progress) {
      progress({static_cast<uint64_t>(generator.ended()), static_cast<uint64_t>(items.size())});
    }
  }
  EBB_TRY(Summarise(&result));
  return result;
}

}  // namespace ebb
