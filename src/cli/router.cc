// ebb router: which experts does a model choose on a task, and how evenly?
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/task_inputs.h"
#include "eval/likelihood.h"
#include "eval/router_report.h"

namespace ebb {
namespace {

struct Options {
  ModelOptions model;
  TaskOptions task;
  std::string csv;
  std::string plot;
  bool json = false;
};

Status WriteFile(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  EBB_TRY(file.Append(text));
  return file.Commit();
}

OrderedJson ToJson(const Options& options, const TaskInputs& inputs, const ModelConfig& config,
                   std::span<const LayerSelections> layers) {
  int64_t tokens = 0;
  for (const ScoredText& text : inputs.texts) tokens += static_cast<int64_t>(text.tokens.size());
  OrderedJson json;
  json["model"] = options.model.model;
  json["data"] = inputs.data;
  json["items"] = inputs.items.size();
  json["tokens"] = tokens;
  json["experts"] = config.moe.num_experts;
  json["experts_per_token"] = config.moe.experts_per_token;
  json["layers"] = OrderedJson::array();
  for (const LayerSelections& of : layers) {
    OrderedJson layer;
    layer["layer"] = of.layer.value;
    layer["selections"] = of.statistics.selections;
    layer["imbalance"] = of.statistics.imbalance;
    layer["utilisation"] = of.statistics.utilisation;
    layer["normalised_entropy"] = of.statistics.normalised_entropy;
    layer["gini"] = of.statistics.gini;
    layer["counts"] = of.counts;
    json["layers"].push_back(std::move(layer));
  }
  return json;
}

void Print(std::span<const LayerSelections> layers) {
  fmt::print("{:>5} {:>10} {:>10} {:>12} {:>12} {:>8}  {}\n", "layer", "choices", "imbalance",
             "utilisation", "norm.entropy", "gini", "most chosen");
  for (const LayerSelections& of : layers) {
    const RouterStatistics& s = of.statistics;
    const auto most = std::max_element(of.counts.begin(), of.counts.end());
    fmt::print("{:>5} {:>10} {:>10.3f} {:>12.3f} {:>12.4f} {:>8.4f}  {} ({:.1f} %)\n",
               of.layer.value, s.selections, s.imbalance, s.utilisation, s.normalised_entropy,
               s.gini, most - of.counts.begin(),
               100 * static_cast<double>(*most) / static_cast<double>(s.selections));
  }
}

Result<int> Run(const Options& options) {
  const auto task = TaskFromName(options.task.task_name);
  if (!task) return tl::unexpected(ForOption(task.error(), "--task"));
  EBB_TRY(CheckPrecision(options.model));
  EngineOptions engine_options;
  EBB_TRY_ASSIGN(engine_options.memory_cap_bytes, MemoryCap(options.model));
  EBB_TRY_ASSIGN(engine_options.hot_bytes, HotBytes(options.model));
  EBB_TRY_ASSIGN(TaskInputs inputs, ReadTaskInputs(options.model.model, *task, options.task));
  const ModelConfig config = inputs.files.source->config();
  const int64_t batch = inputs.Batch(options.task);
  engine_options.threads = options.model.threads;
  engine_options.limits = LikelihoodLimits(config, inputs.texts, batch);
  SelectionCounter counter(config);
  {
    ProgressBar bar("loading");
    engine_options.progress = bar.sink();
    EBB_TRY_ASSIGN(const auto engine, Engine::Create(std::move(inputs.files),
                                                     std::move(inputs.tokenizer), engine_options));
    ProgressBar counting("counting selections");
    EBB_TRY(CountSelections(*engine, inputs.texts, batch, &counter, counting.sink()));
  }
  EBB_TRY_ASSIGN(const std::vector<LayerSelections> layers, DescribeRouter(counter, config));
  EBB_TRY(WriteFile(options.csv, RouterCsv(layers)));
  EBB_TRY(WriteFile(options.plot, RouterHeatMap(layers)));
  if (options.json) {
    PrintJson(ToJson(options, inputs, config, layers));
  } else {
    Print(layers);
  }
  return kExitDone;
}

}  // namespace

void AddRouter(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("router", "How evenly the routers choose experts");
  const auto options = std::make_shared<Options>();
  options->task.task_name = "kl";
  AddModelOptions(*command, &options->model);
  command
      ->add_option("--task", options->task.task_name,
                   "What the data is: gsm8k, math, arith, or any texts (kl)")
      ->capture_default_str()
      ->type_name("TASK");
  AddTaskOptions(*command, &options->task);
  command->add_option("--csv", options->csv, "Write a line a layer here")->type_name("OUT.csv");
  command->add_option("--plot", options->plot, "Write a heat map, layers by experts, here")
      ->type_name("OUT.svg");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
