#include "study/cells.h"

#include <algorithm>
#include <map>

namespace ebb {
namespace {

// A piece of a specification, and where it stands in the file.
struct Part {
  std::string text;
  std::string_view field;
  int64_t line = 0;
};
using Parts = std::vector<Part>;  // of one specification

std::string Joined(const Parts& parts) {
  std::string spec;
  for (const Part& part : parts) spec += part.text;
  return spec;
}

// One cell as the file writes it, before seeds.
struct Combination {
  std::vector<Parts> specs;
  std::optional<int64_t> against;  // the first codec's, at the same bound, layers and experts
};

// `otherwise` is what a field means that is left out, and what need not be said.
std::vector<WrittenText> OrOne(const std::vector<WrittenText>& given, const char* otherwise) {
  return given.empty() ? std::vector<WrittenText>{{otherwise, 0}} : given;
}

std::vector<Combination> Combinations(const ExperimentSpec& experiment) {
  std::vector<Combination> all;
  for (const WrittenText& codec : experiment.codecs) {
    for (const WrittenText& bound : OrOne(experiment.bounds, "")) {
      for (const WrittenText& layers : OrOne(experiment.layers, "all")) {
        for (const WrittenText& experts : OrOne(experiment.experts, "all")) {
          Parts spec = {{codec.text, "codecs", codec.line}};
          if (!bound.text.empty()) spec.push_back({"," + bound.text, "bounds", bound.line});
          if (layers.text != "all") {
            spec.push_back({",layers=" + layers.text, "layers", layers.line});
          }
          if (experts.text != "all") {
            spec.push_back({",experts=" + experts.text, "experts", experts.line});
          }
          all.push_back({{std::move(spec)}, std::nullopt});
        }
      }
    }
  }
  // Codecs are the outermost loop: what belongs to the first one stands first, in the same order.
  const size_t of_a_codec = experiment.codecs.empty() ? 0 : all.size() / experiment.codecs.size();
  for (size_t i = of_a_codec; i < all.size(); ++i) {
    all[i].against = static_cast<int64_t>(i % of_a_codec);
  }
  const auto first = static_cast<int64_t>(all.size());
  for (const std::vector<WrittenText>& specs : experiment.inject) {
    const bool is_first = static_cast<int64_t>(all.size()) == first;
    Combination& cell = all.emplace_back();
    for (const auto& [text, line] : specs) cell.specs.push_back({{text, "inject", line}});
    if (!is_first) cell.against = first;
  }
  return all;
}

Status Check(const std::string& spec, const ModelConfig& config) {
  const auto parsed = ParseInjection(spec);
  if (!parsed) return tl::unexpected(parsed.error());
  return CheckInjection(*parsed, config);
}

// The part of a mistaken specification that the mistake is in: the first with which it is one. A
// codec and its bound are understood together; a bound that is none is told from a codec that is
// none by giving the codec another.
const Part& PartAtFault(const Parts& parts, const ModelConfig& config) {
  const bool parses = ParseInjection(Joined(parts)).has_value();
  const auto fails = [&](const std::string& text) {
    return parses ? !Check(text, config) : !ParseInjection(text);
  };
  const std::string& codec = parts[0].text;
  const size_t head = parts.size() > 1 && parts[1].field == "bounds" ? 2 : 1;
  std::string text =
      Joined(Parts(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(head)));
  if (fails(text)) {
    const bool knows_codec = ParseInjection(codec) || ParseInjection(codec + ",rel:1");
    return parts[head == 2 && knows_codec ? 1 : 0];
  }
  for (size_t p = head; p < parts.size(); ++p) {
    text += parts[p].text;
    if (fails(text)) return parts[p];
  }
  return parts[0];
}

// What stands behind "key=" in a specification, up to the next key.
std::string ValueOf(const std::string& spec, const std::string& key) {
  const size_t start = spec.find("," + key + "=");
  if (start == std::string::npos) return "all";
  const size_t from = start + key.size() + 2;
  const size_t next = spec.find('=', from);
  if (next == std::string::npos) return spec.substr(from);
  return spec.substr(from, spec.rfind(',', next) - from);
}

std::string WithoutSeed(const std::string& spec) {
  const size_t start = spec.find(",seed=");
  if (start == std::string::npos) return spec;
  const size_t end = spec.find(',', start + 1);
  return spec.substr(0, start) + (end == std::string::npos ? "" : spec.substr(end));
}

// Which of a cell's specifications tells it apart from others, for tables: the first.
void Describe(const InjectionSpec& spec, Cell* cell) {
  cell->codec = spec.codec == nullptr ? "randomise" : spec.codec->info().name;
  if (spec.dither) cell->codec += "+dither";
  const bool bounded = spec.codec != nullptr && spec.codec->info().kind != CodecKind::kFixedWidth;
  if (bounded) cell->bound = spec.bound.ToString();
  if (bounded && spec.bound.kind == BoundKind::kRelative) cell->rate = spec.bound.value;
  cell->layers = ValueOf(spec.text, "layers");
  cell->experts = ValueOf(spec.text, "experts");
  cell->seed = spec.seed;
}

class Expander {
 public:
  Expander(const StudyFile& study, const ModelConfig& config) : study_(study), config_(config) {}

  Result<StudyCells> Run() {
    for (size_t d = 0; d < study_.data.size(); ++d) {
      Cell baseline;
      baseline.key = study_.data[d].name;
      baseline.data = d;
      Add(std::move(baseline));
    }
    for (const ExperimentSpec& experiment : study_.experiments) EBB_TRY(AddExperiment(experiment));
    return std::move(all_);
  }

 private:
  Status AddExperiment(const ExperimentSpec& experiment) {
    const auto data = static_cast<size_t>(
        std::find_if(study_.data.begin(), study_.data.end(),
                     [&](const DataSetSpec& set) { return set.name == experiment.data; }) -
        study_.data.begin());
    Measure(experiment, &all_.cells[data]);
    all_.experiments.emplace_back();
    int64_t arm = 0;
    for (const Combination& combination : Combinations(experiment)) {
      EBB_TRY(AddArm(experiment, data, combination, arm));
      ++arm;
    }
    return {};
  }

  static void Measure(const ExperimentSpec& experiment, Cell* cell) {
    cell->kl |= experiment.kl;
    cell->inside |= experiment.inside && !cell->baseline();
    cell->accuracy |= experiment.accuracy;
  }

  Status AddArm(const ExperimentSpec& experiment, size_t data, const Combination& combination,
                int64_t arm) {
    EBB_TRY_ASSIGN(const auto plain, Parse(experiment, combination, std::nullopt));
    const bool random = std::any_of(plain.begin(), plain.end(), DrawsRandomNumbers);
    if (experiment.compare == Contrast::kSeeds && !random) {
      return MakeError(ErrorCode::kInvalidArgument,
                       PlaceOf(experiment, combination.specs.front().front()),
                       "{} draws no random numbers: compare = \"seeds\" has nothing to compare",
                       plain.front().text);
    }
    const size_t seeds = random ? experiment.seeds.size() : 1;
    for (size_t s = 0; s < seeds; ++s) {
      Cell cell;
      cell.data = data;
      cell.specs = plain;
      if (random) {
        EBB_TRY_ASSIGN(cell.specs, Parse(experiment, combination, experiment.seeds[s]));
      }
      cell.key = study_.data[data].name;
      for (const InjectionSpec& spec : cell.specs) cell.key += " | " + spec.text;
      Describe(cell.specs.front(), &cell);
      const size_t index = Add(std::move(cell));
      Measure(experiment, &all_.cells[index]);
      auto& members = all_.experiments.back();
      const bool there = std::any_of(members.begin(), members.end(),
                                     [&](const CellOfExperiment& m) { return m.cell == index; });
      if (!there) members.push_back({index, arm, combination.against});
    }
    return {};
  }

  Result<std::vector<InjectionSpec>> Parse(const ExperimentSpec& experiment,
                                           const Combination& combination,
                                           std::optional<uint64_t> seed) const {
    std::vector<InjectionSpec> specs;
    for (const Parts& parts : combination.specs) {
      const std::string text = Joined(parts);
      auto spec = ParseInjection(text);
      if (spec && seed && DrawsRandomNumbers(*spec) && text.find(",seed=") == std::string::npos) {
        spec = ParseInjection(fmt::format("{},seed={}", text, *seed));
      }
      const Status fits = spec ? CheckInjection(*spec, config_) : Status();
      if (!spec || !fits) {
        return tl::unexpected(Error(spec ? fits.error() : spec.error())
                                  .In(PlaceOf(experiment, PartAtFault(parts, config_))));
      }
      specs.push_back(std::move(*spec));
    }
    return specs;
  }

  std::string PlaceOf(const ExperimentSpec& experiment, const Part& part) const {
    return fmt::format("{}, line {}, experiment \"{}\", {}", study_.path, part.line,
                       experiment.name, part.field);
  }

  size_t Add(Cell cell) {
    const auto [found, is_new] = by_key_.emplace(cell.key, all_.cells.size());
    if (is_new) all_.cells.push_back(std::move(cell));
    return found->second;
  }

  const StudyFile& study_;
  const ModelConfig& config_;
  StudyCells all_;
  std::map<std::string, size_t> by_key_;
};

}  // namespace

std::string Cell::Label() const {
  if (baseline()) return "baseline";
  std::string label;
  for (const InjectionSpec& spec : specs) {
    label += (label.empty() ? "" : " | ") + WithoutSeed(spec.text);
  }
  return label;
}

bool DrawsRandomNumbers(const InjectionSpec& spec) {
  return spec.codec == nullptr || spec.dither || spec.codec->info().kind == CodecKind::kNoise ||
         spec.experts.kind == ExpertSelection::Kind::kRandom;
}

Result<StudyCells> ExpandCells(const StudyFile& study, const ModelConfig& config) {
  return Expander(study, config).Run();
}

}  // namespace ebb
