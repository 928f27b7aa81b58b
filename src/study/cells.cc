#include "study/cells.h"

#include <algorithm>
#include <map>

namespace ebb {
namespace {

// One cell as the file writes it, before seeds.
struct Combination {
  std::vector<std::string> specs;
  const char* field = "codecs";    // where a mistake in it stands
  std::optional<int64_t> against;  // the first codec's, at the same bound, layers and experts
};

std::vector<std::string> OrOne(const std::vector<std::string>& given, const char* otherwise) {
  return given.empty() ? std::vector<std::string>{otherwise} : given;
}

std::vector<Combination> Combinations(const ExperimentSpec& experiment) {
  std::vector<Combination> all;
  for (const std::string& codec : experiment.codecs) {
    for (const std::string& bound : OrOne(experiment.bounds, "")) {
      for (const std::string& layers : OrOne(experiment.layers, "all")) {
        for (const std::string& experts : OrOne(experiment.experts, "all")) {
          std::string spec = codec;
          if (!bound.empty()) spec += "," + bound;
          if (layers != "all") spec += ",layers=" + layers;
          if (experts != "all") spec += ",experts=" + experts;
          all.push_back({{spec}, "codecs", std::nullopt});
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
  for (const std::vector<std::string>& specs : experiment.inject) {
    const bool is_first = static_cast<int64_t>(all.size()) == first;
    all.push_back({specs, "inject", is_first ? std::nullopt : std::optional<int64_t>(first)});
  }
  return all;
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
                       fmt::format("{}, line {}, experiment \"{}\", {}", study_.path,
                                   experiment.line, experiment.name, combination.field),
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
    for (const std::string& text : combination.specs) {
      auto spec = ParseInjection(text);
      if (spec && seed && DrawsRandomNumbers(*spec) && text.find(",seed=") == std::string::npos) {
        spec = ParseInjection(fmt::format("{},seed={}", text, *seed));
      }
      const Status fits = spec ? CheckInjection(*spec, config_) : Status();
      if (!spec || !fits) {
        return tl::unexpected(
            Error(spec ? fits.error() : spec.error())
                .In(fmt::format("{}, line {}, experiment \"{}\", {}", study_.path, experiment.line,
                                experiment.name, combination.field)));
      }
      specs.push_back(std::move(*spec));
    }
    return specs;
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
