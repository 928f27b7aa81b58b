#include "eval/injection_spec.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "peers/codecs.h"

namespace ebb {
namespace {

constexpr std::string_view kRandomise = "randomise";
constexpr std::string_view kDither = "+dither";
constexpr int32_t kMaxId = 1 << 20;   // far above any model
constexpr int64_t kMaxIds = 1 << 20;  // of a list, with those that are there twice
constexpr size_t kMaxQuoted = 200;

std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> fields;
  for (;;) {
    const size_t comma = text.find(',');
    fields.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    text.remove_prefix(comma + 1);
  }
}

template <typename Integer>
std::optional<Integer> ParseInteger(std::string_view text) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

tl::unexpected<Error> Mistake(std::string_view spec, const std::string& problem) {
  const bool is_long = spec.size() > kMaxQuoted;
  return MakeError(ErrorCode::kInvalidArgument, "", "\"{}{}\": {}", spec.substr(0, kMaxQuoted),
                   is_long ? ".." : "", problem);
}

// First and last of "7" or "9-18"; nothing if it is neither.
std::optional<std::pair<int32_t, int32_t>> ParseRange(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = ParseInteger<int32_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : ParseInteger<int32_t>(text.substr(dash + 1));
  if (!first || !last || *first < 0 || *last < *first || *last > kMaxId) {
    return std::nullopt;
  }
  return std::make_pair(*first, *last);
}

void SortOnce(std::vector<int32_t>* ids) {
  std::sort(ids->begin(), ids->end());
  ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
}

// Reads one specification field by field.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), fields_(SplitAtCommas(text)) {
    spec_.text = text;
  }

  Result<InjectionSpec> Parse() {
    EBB_TRY(ReadWhat());
    while (next_ < fields_.size()) EBB_TRY(ReadKey());
    return std::move(spec_);
  }

 private:
  // The codec and its bound.
  Status ReadWhat() {
    std::string_view name = fields_[next_++];
    const bool has_bound =
        next_ < fields_.size() && fields_[next_].find('=') == std::string_view::npos;
    if (name == kRandomise) {
      if (!has_bound) return {};
      return Mistake(text_, fmt::format("randomise takes no bound, and \"{}\" is no key=value",
                                        fields_[next_]));
    }
    if (name.ends_with(kDither)) {
      name.remove_suffix(kDither.size());
      spec_.dither = true;
    }
    auto codec = FindCodec(name);
    if (!codec && codec.error().code != ErrorCode::kInvalidArgument) {
      return tl::unexpected(codec.error());
    }
    if (!codec) return Mistake(text_, codec.error().message + ", randomise");
    spec_.codec = *codec;
    if (spec_.dither && spec_.codec->info().kind != CodecKind::kBounded) {
      return Mistake(text_,
                     fmt::format("{} has no bound that dither could be drawn from; +dither is "
                                 "for codecs that have one, such as ebb:fast",
                                 name));
    }
    if (!has_bound) {
      if (spec_.codec->info().kind == CodecKind::kFixedWidth) return {};
      return Mistake(text_,
                     fmt::format("{} needs a bound behind it, as in {},rel:0.2", name, name));
    }
    auto bound = ParseErrorBound(fields_[next_++]);
    if (!bound) return Mistake(text_, bound.error().message);
    spec_.bound = *bound;
    return {};
  }

  Status ReadKey() {
    const std::string_view field = fields_[next_++];
    const size_t equals = field.find('=');
    const std::string_view key = field.substr(0, equals);
    if (equals == std::string_view::npos) {
      return Mistake(text_, fmt::format("\"{}\" is no key=value", field));
    }
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) {
      return Mistake(text_, fmt::format("{}= is there twice", key));
    }
    seen_.push_back(key);
    const std::string_view value = field.substr(equals + 1);
    if (key == "layers") return ReadLayers(value);
    if (key == "experts") return ReadExperts(value);
    if (key == "seed") return ReadSeed(value);
    return Mistake(text_, fmt::format("\"{}\" is no key; there are: layers, experts, seed", key));
  }

  // A list of ids goes on behind commas: experts=0,3,5-7.
  Status ReadIds(std::string_view key, std::string_view examples, std::string_view field,
                 std::vector<int32_t>* ids) {
    while (true) {
      const auto range = ParseRange(field);
      if (!range) {
        return Mistake(text_, fmt::format("{}={} is not understood; write {}", key,
                                          field.empty() ? "nothing" : field, examples));
      }
      const auto [first, last] = *range;
      if (static_cast<int64_t>(ids->size()) + last - first >= kMaxIds) {
        return Mistake(text_, fmt::format("{}= lists more than {} ids", key, kMaxIds));
      }
      for (int32_t id = first; id <= last; ++id) ids->push_back(id);
      const bool ends =
          next_ == fields_.size() || fields_[next_].find('=') != std::string_view::npos;
      if (ends) break;
      field = fields_[next_++];
    }
    SortOnce(ids);
    return {};
  }

  Status ReadLayers(std::string_view value) {
    if (value == "all") return {};
    return ReadIds("layers", "3, 9-18, 1,4 or all", value, &spec_.layers);
  }

  Status ReadExperts(std::string_view value) {
    ExpertSelection& experts = spec_.experts;
    if (value == "all") return {};
    for (const std::string_view prefix : {"top", "random"}) {
      if (!value.starts_with(prefix)) continue;
      const auto count = ParseInteger<int32_t>(value.substr(prefix.size()));
      if (!count || *count < 1 || *count > kMaxId) break;
      experts.kind = prefix == "top" ? ExpertSelection::Kind::kTop : ExpertSelection::Kind::kRandom;
      experts.count = *count;
      return {};
    }
    experts.kind = ExpertSelection::Kind::kIds;
    return ReadIds("experts", "0, 0,3, 4-7, top1, random2 or all", value, &experts.ids);
  }

  Status ReadSeed(std::string_view value) {
    const auto seed = ParseInteger<uint64_t>(value);
    if (!seed) return Mistake(text_, fmt::format("seed={} is no whole number", value));
    spec_.seed = *seed;
    return {};
  }

  std::string_view text_;
  std::vector<std::string_view> fields_;
  std::vector<std::string_view> seen_;
  size_t next_ = 0;
  InjectionSpec spec_;
};

}  // namespace

Result<InjectionSpec> ParseInjection(std::string_view text) { return Parser(text).Parse(); }

Status CheckInjection(const InjectionSpec& spec, const ModelConfig& config) {
  const auto first = config.moe.first_dense_layers;
  for (const int32_t layer : spec.layers) {
    if (layer < first || layer >= config.num_layers) {
      return Mistake(spec.text,
                     fmt::format("layer {} has no routed experts; this model has them in {}-{}",
                                 layer, first, config.num_layers - 1));
    }
  }
  for (const int32_t expert : spec.experts.ids) {
    if (expert >= config.moe.num_experts) {
      return Mistake(spec.text, fmt::format("there is no expert {}; a layer has 0-{}", expert,
                                            config.moe.num_experts - 1));
    }
  }
  if (spec.experts.count > config.moe.num_experts) {
    return Mistake(spec.text, fmt::format("{} experts are wanted; a layer has {}",
                                          spec.experts.count, config.moe.num_experts));
  }
  return {};
}

}  // namespace ebb
