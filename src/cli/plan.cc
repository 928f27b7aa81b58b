// ebb plan: from a study to bounds for `ebb compress`.
#include <cmath>
#include <memory>

#include "base/file.h"
#include "base/units.h"
#include "cli/command.h"
#include "engine/model_files.h"
#include "study/inputs.h"
#include "study/plan.h"
#include "study/store.h"
#include "study/study_file.h"

namespace ebb {
namespace {

struct Options {
  std::string study;
  std::string size;
  std::string output;
  std::string model;
  std::string data;
  std::string codec = "ebb:fast";
  int threads = 0;
  bool json = false;
};

// Bytes of all routed experts, from "3.5bpw" or a size.
Result<uint64_t> BudgetBytes(const std::string& text, uint64_t weights) {
  constexpr std::string_view kBitsSuffix = "bpw";
  if (!text.ends_with(kBitsSuffix)) {
    auto bytes = ParseSize(text);
    if (!bytes) return tl::unexpected(ForOption(bytes.error(), "--size"));
    return *bytes;
  }
  const std::string number = text.substr(0, text.size() - kBitsSuffix.size());
  char* end = nullptr;
  const double bits = std::strtod(number.c_str(), &end);
  if (number.empty() || end != number.c_str() + number.size() || !(bits > 0) || bits > 64) {
    return UsageError("--size", fmt::format("\"{}\" is not a number of bits like 3.5bpw", text));
  }
  return static_cast<uint64_t>(std::floor(bits * static_cast<double>(weights) / 8));
}

std::string Fact(const StudyResults& study, const std::string& key) {
  const auto found = study.facts.find(key);
  return found == study.facts.end() ? std::string() : found->second;
}

struct OpenedStudy {
  StudyResults results;
  std::string model;     // that the plan is for
  std::string measured;  // the study's, wherever that is now
};

// From a study file, or from its database alone: what that says of the model starts at the study
// file's folder, which is taken to be the database's.
Result<OpenedStudy> OpenStudy(const Options& options) {
  OpenedStudy study;
  std::string database_path = options.study;
  if (options.study.ends_with(".toml") || IsDirectory(options.study)) {
    EBB_TRY_ASSIGN(const StudyFile file, ReadStudyFile(options.study));
    database_path = file.database;
    study.measured = file.model;
  }
  EBB_TRY_ASSIGN(const auto database, OpenStudyDatabase(database_path));
  EBB_TRY_ASSIGN(study.results, ReadStudyResults(*database));
  const std::string written = Fact(study.results, "model");
  if (study.measured.empty() && !written.empty()) {
    study.measured = PathFromFile(database_path, written);
  }
  study.model = options.model.empty() ? study.measured : options.model;
  if (study.model.empty()) return UsageError("--model", "the study names none");
  if (!options.model.empty() || FileExists(study.model)) return study;
  return MakeError(ErrorCode::kNotFound, study.model,
                   "the model that {} was made for is not there: say where with --model",
                   database_path);
}

Status CheckShape(const StudyResults& study, const ModelConfig& config, const std::string& model) {
  for (const auto& [key, value] : ShapeFacts(config)) {
    const std::string measured = Fact(study, key);
    if (measured == value) continue;
    return MakeError(ErrorCode::kInvalidArgument, model,
                     "it has other layers or experts than the model that the study measured: {} is "
                     "{}, there it is {}",
                     key, value, measured.empty() ? "unknown" : measured);
  }
  return {};
}

// Models of one shape are told apart by their bytes, where the study's was stored alike: whether an
// .ebb file comes from a checkpoint is not to be seen.
Status CheckSameModel(const OpenedStudy& study) {
  const bool measured_folder =
      FileExists(study.measured) ? IsDirectory(study.measured) : !study.measured.ends_with(".ebb");
  if (measured_folder != IsDirectory(study.model)) return {};
  uint64_t bytes = 0;
  EBB_TRY_ASSIGN(const std::string hash, HashModel(study.model, &bytes));
  if (hash == Fact(study.results, "model_hash")) return {};
  return MakeError(ErrorCode::kInvalidArgument, study.model,
                   "it is another model than the study's, or has changed since: run a study of it");
}

// Sizes are those of the weights that `ebb compress` will encode: a checkpoint's.
Status CheckWeights(const ModelFiles& files, const std::string& model) {
  if (files.packed == nullptr) return {};
  for (size_t i = 0; i < files.packed->tensors().size(); ++i) {
    const bool routed = files.packed->tensors()[i].expert.value >= 0;
    if (!routed || files.packed->Record(i).bound_abs == 0) continue;
    return MakeError(ErrorCode::kInvalidArgument, model,
                     "its experts are stored with an error: a plan is for the checkpoint that it "
                     "was made from, so name that with --model");
  }
  return {};
}

OrderedJson ToJson(const Options& options, const SensitivityCells& cells, const MadePlan& plan) {
  OrderedJson json;
  json["file"] = options.output;
  json["data"] = cells.data;
  json["cells"] = cells.points.size();
  json["unfinished_cells"] = cells.unfinished;
  json["size_bytes"] = plan.size_bytes;
  json["bits_per_weight"] = plan.bits_per_weight;
  json["size_is_exact"] = plan.size_is_exact;
  json["predicted_kl"] = FiniteOrNull(plan.predicted_kl);
  json["uniform_bound"] = plan.bounds.default_bound.ToString();
  json["uniform_predicted_kl"] = FiniteOrNull(plan.uniform_predicted_kl);
  json["predicted_ratio"] = FiniteOrNull(plan.predicted_kl / plan.uniform_predicted_kl);
  json["exponent"] = plan.fit.exponent;
  json["residual"] = plan.fit.residual;
  json["spread"] = plan.fit.spread;
  json["groups"] = OrderedJson::array();
  for (const PlannedTarget& target : plan.targets) {
    OrderedJson group;
    group["layer"] = target.fit.target.layer.value;
    group["expert"] = nullptr;
    if (target.fit.target.expert) group["expert"] = target.fit.target.expert->value;
    group["measured_bounds"] = target.fit.bounds;
    group["raw"] = nullptr;
    if (target.fit.bounds > 0) group["raw"] = target.fit.raw;
    group["sensitivity"] = target.fit.coefficient;
    group["bound"] = ErrorBound::Relative(target.rate).ToString();
    json["groups"].push_back(std::move(group));
  }
  return json;
}

void Print(const Options& options, const SensitivityCells& cells, const MadePlan& plan) {
  fmt::print("{}: bounds for {} {}, from {} cells on {}\n", options.output, plan.targets.size(),
             plan.bounds.experts.empty() ? "layers" : "experts and layers", cells.points.size(),
             cells.data);
  if (cells.unfinished > 0)
    fmt::print("{} cells are not finished and were left out\n", cells.unfinished);
  fmt::print("{:<36}{} ({:.4f} bits a weight{})\n", "routed experts", FormatSize(plan.size_bytes),
             plan.bits_per_weight, plan.size_is_exact ? "" : ", predicted");
  fmt::print("{:<36}{:.4g} nats a token\n", "predicted divergence", plan.predicted_kl);
  fmt::print("{:<36}{:.4g} ({})\n", "one bound for all, the same size", plan.uniform_predicted_kl,
             plan.bounds.default_bound.ToString());
  fmt::print("{:<36}{:.3f}\n", "ratio", plan.predicted_kl / plan.uniform_predicted_kl);
  fmt::print("{:<36}KL = c r^{:.3f}, residual {:.2f}, spread {:.2f} (in ln KL)\n", "fit",
             plan.fit.exponent, plan.fit.residual, plan.fit.spread);
}

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(const OpenedStudy study, OpenStudy(options));
  EBB_TRY_ASSIGN(const ModelFiles files, OpenModelFiles(study.model));
  const ModelConfig& config = files.source->config();
  EBB_TRY(CheckShape(study.results, config, study.model));
  EBB_TRY(CheckSameModel(study));
  EBB_TRY(CheckWeights(files, study.model));
  EBB_TRY_ASSIGN(const SensitivityCells cells,
                 FindSensitivityCells(study.results, config, options.data));
  EBB_TRY_ASSIGN(const DivergenceFit fit, FitDivergence(cells.points, config));
  const CodecSetting setting =
      options.codec == "ebb:small" ? CodecSetting::kSmall : CodecSetting::kFast;
  EBB_TRY_ASSIGN(const ExpertSizes sizes, ExpertSizes::Create(*files.source, setting));
  EBB_TRY_ASSIGN(const uint64_t budget,
                 BudgetBytes(options.size, sizes.experts().size() * sizes.weights_of_expert()));
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(options.output));
  ProgressBar bar("measuring sizes");
  const ThreadPool pool(options.threads);
  EBB_TRY_ASSIGN(const MadePlan plan, MakePlan(fit, sizes, budget, pool, bar.sink()));
  EBB_TRY(file.Append(PlanToJson(plan.bounds).dump(1) + "\n"));
  EBB_TRY(file.Commit());
  if (options.json) {
    PrintJson(ToJson(options, cells, plan));
  } else {
    Print(options, cells, plan);
  }
  return kExitDone;
}

}  // namespace

void AddPlan(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("plan", "Bounds that let a model diverge least at a given size");
  const auto options = std::make_shared<Options>();
  command->add_option("STUDY", options->study, "A study file, or its database")->required();
  command
      ->add_option("--size", options->size,
                   "Of the routed experts, at most: bits a weight as 3.5bpw, or a size")
      ->required()
      ->type_name("SIZE");
  command->add_option("-o,--output", options->output, "The plan to write")
      ->required()
      ->type_name("plan.json");
  command->add_option("--model", options->model, "The model (default: the study's)")
      ->type_name("MODEL");
  command->add_option("--data", options->data, "Which of the study's data sets")->type_name("NAME");
  command->add_option("--codec", options->codec, "The codec that the file will have")
      ->capture_default_str()
      ->check(CLI::IsMember({"ebb", "ebb:fast", "ebb:small"}));
  AddThreadsOption(*command, &options->threads);
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
