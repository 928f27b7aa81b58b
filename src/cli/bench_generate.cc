// ebb bench generate: prefill and decoding of a model under one or several memory caps, beside what
// reading its experts and multiplying its weights take at least on this machine.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>

#include "base/memory.h"
#include "base/stopwatch.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/disk_limit.h"
#include "cli/machine_limits.h"
#include "cli/product_limit.h"
#include "engine/engine.h"

namespace ebb {
namespace {

struct Options {
  std::string input;
  std::vector<std::string> memory = {"none"};
  std::string hot;
  std::vector<int64_t> sequences = {1};
  int64_t prompt_tokens = 64;
  int64_t steps = 16;
  int64_t warm_steps = 8;
  int runs = 5;
  int threads = 0;
  bool json = false;
};

struct Case {
  std::optional<uint64_t> cap;
  std::optional<uint64_t> hot;
  int64_t sequences = 1;
};

// One phase of one run.
struct Phase {
  double seconds = 0;
  int64_t tokens = 0;
  int64_t steps = 0;
  ExpertCounts counts;  // of the phase only
  double limit_seconds = 0;
  double read_limit_seconds = 0;
  double product_limit_seconds = 0;

  double tokens_per_second() const { return static_cast<double>(tokens) / seconds; }
  double over_limit() const { return seconds / limit_seconds; }
};

struct Measured {
  Case which;
  MemoryPlan plan;
  uint64_t peak_rss_bytes = 0;  // beyond what the benchmark itself holds
  std::vector<Phase> prefill;
  std::vector<Phase> decode;
};

// What the weights of a model are, as far as a step's time depends on them.
struct ModelSize {
  double expert_weights = 0;  // of one expert
  double expert_layers = 0;
  double dense_weights = 0;  // multiplied for every token, as codes
  double dense_bytes = 0;    // multiplied for every token, as elements

  static Result<ModelSize> Of(const ModelFiles& files) {
    ModelSize size;
    const ModelConfig& config = files.source->config();
    for (const TensorSpec& tensor : files.source->tensors()) {
      const auto elements = static_cast<double>(tensor.elements());
      if (IsRoutedExpert(tensor.role)) {
        size.expert_weights += elements;
      } else if (tensor.role != TensorRole::kEmbedding && tensor.shape.size() == 2) {
        if (files.matrices != nullptr && files.matrices->BytesOf(tensor, MatrixForm::kSmallest)) {
          size.dense_weights += elements;
        } else {
          EBB_TRY_ASSIGN(const DType dtype, files.source->DTypeOf(tensor));
          size.dense_bytes += elements * static_cast<double>(DTypeBytes(dtype));
        }
      }
    }
    size.expert_layers = static_cast<double>(config.num_layers - config.moe.first_dense_layers);
    size.expert_weights /= size.expert_layers * static_cast<double>(config.moe.num_experts);
    return size;
  }
};

// Tokens that nobody predicts, so that experts are chosen as the router's weights say.
class RandomTokens {
 public:
  RandomTokens(int64_t vocab, uint64_t seed) : random_(seed), last_(vocab - 1) {}

  std::vector<int32_t> Next(int64_t count) {
    std::uniform_int_distribution<int64_t> token(0, last_);
    std::vector<int32_t> tokens(static_cast<size_t>(count));
    for (int32_t& t : tokens) t = static_cast<int32_t>(token(random_));
    return tokens;
  }

 private:
  std::mt19937_64 random_;
  int64_t last_;
};

class Bench {
 public:
  static Result<std::unique_ptr<Bench>> Open(const Options& options) {
    auto bench = std::unique_ptr<Bench>(new Bench(options));
    EBB_TRY_ASSIGN(bench->files_, OpenModelFiles(options.input));
    EBB_TRY_ASSIGN(bench->size_, ModelSize::Of(bench->files_));
    if (bench->files_.packed == nullptr) return bench;
    EBB_TRY_ASSIGN(bench->products_, ProductLimit::Open(*bench->files_.packed, bench->pool_));
    const ContainerIndex& index = bench->files_.packed->container().index();
    uint64_t block = 0;
    for (size_t g = 0; g < index.groups.size(); ++g) {
      if (bench->files_.packed->groups()[g].routed_expert) block = index.groups[g].bytes;
    }
    EBB_TRY_ASSIGN(bench->disk_,
                   DiskLimit::Open(bench->files_.packed->container().file(), block, 16));
    return bench;
  }

  // Loads the model anew, so that the prefill finds nothing in memory.
  Status Run(Measured& measured, uint64_t seed) {
    EBB_TRY(MeasureDisk(seed));
    EngineOptions engine_options;
    engine_options.memory_cap_bytes = measured.which.cap;
    engine_options.hot_bytes = measured.which.hot;
    engine_options.threads = options_.threads;
    engine_options.needs_tokenizer = false;
    const int64_t sequences = measured.which.sequences;
    engine_options.limits.max_sequences = sequences;
    engine_options.limits.max_output_rows = sequences;
    engine_options.limits.max_positions =
        options_.prompt_tokens + options_.warm_steps + options_.steps;
    ResetPeakRss();
    const uint64_t own = CurrentRssBytes();
    EBB_TRY_ASSIGN(const auto engine, Engine::Open(options_.input, engine_options));
    measured.plan = engine->memory_plan();
    RandomTokens random(engine->config().vocab_size, seed);
    std::vector<std::unique_ptr<Sequence>> all;
    for (int64_t i = 0; i < sequences; ++i) all.push_back(engine->NewSequence());

    Phase prefill;
    EBB_TRY(Step(*engine, all, random, options_.prompt_tokens, prefill));
    Finish(prefill, measured.which);
    measured.prefill.push_back(prefill);
    Phase warm;
    for (int64_t i = 0; i < options_.warm_steps; ++i) {
      EBB_TRY(Step(*engine, all, random, 1, warm));
    }
    Phase decode;
    for (int64_t i = 0; i < options_.steps; ++i) EBB_TRY(Step(*engine, all, random, 1, decode));
    Finish(decode, measured.which);
    measured.decode.push_back(decode);
    const uint64_t peak = PeakRssBytes();
    measured.peak_rss_bytes = std::max(measured.peak_rss_bytes, peak - std::min(peak, own));
    return {};
  }

  int threads() const { return pool_.threads(); }
  const ModelSize& size() const { return size_; }
  const std::vector<double>& disk_rates() const { return disk_rates_; }
  const ProductLimit* products() const { return products_.get(); }
  double ram_bytes_per_second() const { return MedianOf(ram_rates_); }

 private:
  explicit Bench(const Options& options) : options_(options), pool_(options.threads) {}

  Status MeasureDisk(uint64_t seed) {
    ram_rates_.push_back(ram_.Measure());
    if (products_ != nullptr) products_->Measure();
    if (disk_ == nullptr) return {};
    std::vector<uint64_t> blocks(disk_->blocks());
    std::iota(blocks.begin(), blocks.end(), uint64_t{0});
    std::shuffle(blocks.begin(), blocks.end(), std::mt19937_64(seed));
    blocks.resize(std::min<size_t>(blocks.size(), 128));
    EBB_TRY_ASSIGN(const double rate, disk_->Measure(blocks));
    disk_rates_.push_back(rate);
    return {};
  }

  static Status Step(Engine& engine, const std::vector<std::unique_ptr<Sequence>>& sequences,
                     RandomTokens& random, int64_t tokens_each, Phase& phase) {
    std::vector<std::vector<int32_t>> tokens;
    std::vector<StepInput> inputs;
    for (const auto& sequence : sequences) {
      tokens.push_back(random.Next(tokens_each));
      inputs.push_back({sequence.get(), tokens.back(), WantedLogits::kLast});
    }
    const ExpertCounts before = engine.expert_counts();
    const Stopwatch watch;
    EBB_TRY_ASSIGN(const std::vector<Status> results,
                   engine.Step(inputs, [](size_t, size_t, std::span<const float>) {}));
    phase.seconds += watch.seconds();
    for (const Status& result : results) EBB_TRY(result);
    phase.counts += engine.expert_counts() - before;
    phase.tokens += tokens_each * static_cast<int64_t>(sequences.size());
    ++phase.steps;
    return {};
  }

  // Reading and multiplying may overlap: the longer of the two is the limit.
  void Finish(Phase& phase, const Case& which) const {
    if (products_ == nullptr) {  // everything is in memory as elements
      const double expert_bytes =
          2 * size_.expert_weights * size_.expert_layers *
          static_cast<double>(files_.source->config().moe.experts_per_token);
      phase.product_limit_seconds = static_cast<double>(phase.tokens / which.sequences) *
                                    (size_.dense_bytes + expert_bytes) / ram_rates_.back();
    } else {
      const double rows = static_cast<double>(phase.tokens) / static_cast<double>(phase.steps);
      const double pairs = static_cast<double>(phase.tokens) * size_.expert_layers *
                           static_cast<double>(files_.source->config().moe.experts_per_token);
      const auto requests = static_cast<double>(phase.counts.requests);
      const double rows_an_expert = requests > 0 ? pairs / requests : 1;
      phase.product_limit_seconds =
          requests * size_.expert_weights * products_->SecondsPerWeight(rows_an_expert) +
          static_cast<double>(phase.steps) *
              (size_.dense_weights * products_->SecondsPerWeight(rows) +
               size_.dense_bytes / ram_rates_.back());
      phase.read_limit_seconds = static_cast<double>(phase.counts.bytes_read) / disk_rates_.back();
    }
    phase.limit_seconds = std::max(phase.product_limit_seconds, phase.read_limit_seconds);
  }

  const Options& options_;
  ThreadPool pool_;
  ModelFiles files_;
  ModelSize size_;
  std::unique_ptr<ProductLimit> products_;
  std::unique_ptr<DiskLimit> disk_;
  RamReader ram_;
  std::vector<double> disk_rates_;
  std::vector<double> ram_rates_;
};

OrderedJson ToJson(const std::vector<Phase>& phases) {
  std::vector<double> rates;
  std::vector<double> ratios;
  for (const Phase& phase : phases) {
    rates.push_back(phase.tokens_per_second());
    ratios.push_back(phase.over_limit());
  }
  const Phase& last = phases.back();
  const auto tokens = static_cast<double>(last.tokens);
  const auto a_token = [&](double value) { return value / tokens; };
  OrderedJson json;
  json["tokens_per_second"] = MedianOf(rates);
  json["least"] = *std::min_element(rates.begin(), rates.end());
  json["largest"] = *std::max_element(rates.begin(), rates.end());
  json["wall_over_limit"] = MedianOf(ratios);
  json["ledger_a_token"] = {{"seconds", a_token(last.seconds)},
                            {"read_limit_seconds", a_token(last.read_limit_seconds)},
                            {"product_limit_seconds", a_token(last.product_limit_seconds)},
                            {"requests", a_token(static_cast<double>(last.counts.requests))},
                            {"hits", a_token(static_cast<double>(last.counts.hits))},
                            {"hot_hits", a_token(static_cast<double>(last.counts.hot_hits))},
                            {"bytes_read", a_token(static_cast<double>(last.counts.bytes_read))},
                            {"read_seconds", a_token(last.counts.read_seconds)},
                            {"decode_seconds", a_token(last.counts.decode_seconds)},
                            {"expert_compute_seconds", a_token(last.counts.compute_seconds)},
                            {"stall_seconds", a_token(last.counts.stall_seconds)}};
  return json;
}

void PrintPhase(const char* name, const OrderedJson& json) {
  const OrderedJson& ledger = json["ledger_a_token"];
  const double requests = ledger["requests"].get<double>();
  fmt::print(
      "  {:<8} {:>8.2f} tokens/s ({:.2f} to {:.2f}), wall / limit {:.2f}; a token: {:.1f} ms, read "
      "limit {:.1f}, product limit {:.1f}, stall {:.1f}, {} read, {:.0f} % hits, {:.0f} % hot\n",
      name, json["tokens_per_second"].get<double>(), json["least"].get<double>(),
      json["largest"].get<double>(), json["wall_over_limit"].get<double>(),
      1e3 * ledger["seconds"].get<double>(), 1e3 * ledger["read_limit_seconds"].get<double>(),
      1e3 * ledger["product_limit_seconds"].get<double>(),
      1e3 * ledger["stall_seconds"].get<double>(),
      FormatSize(static_cast<uint64_t>(ledger["bytes_read"].get<double>())),
      requests > 0 ? 100 * ledger["hits"].get<double>() / requests : 100.0,
      requests > 0 ? 100 * ledger["hot_hits"].get<double>() / requests : 0.0);
}

Result<std::vector<Measured>> CasesOf(const Options& options) {
  std::vector<Measured> cases;
  for (const int64_t sequences : options.sequences) {
    for (const std::string& text : options.memory) {
      Measured measured;
      measured.which.sequences = sequences;
      if (text != "none") {
        auto cap = ParseSize(text);
        if (!cap) return tl::unexpected(ForOption(std::move(cap).error(), "--memory"));
        measured.which.cap = *cap;
      }
      if (!options.hot.empty()) {
        auto hot = ParseSize(options.hot);
        if (!hot) return tl::unexpected(ForOption(std::move(hot).error(), "--hot"));
        measured.which.hot = *hot;
      }
      cases.push_back(std::move(measured));
    }
  }
  return cases;
}

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(std::vector<Measured> cases, CasesOf(options));
  EBB_TRY_ASSIGN(const auto bench, Bench::Open(options));
  {
    ProgressBar bar("bench generate");
    const ProgressSink progress = bar.sink();
    uint64_t done = 0;
    for (int run = 0; run < options.runs; ++run) {
      for (Measured& measured : cases) {
        EBB_TRY(bench->Run(measured, static_cast<uint64_t>(run) + 1));
        if (progress) progress({++done, cases.size() * static_cast<size_t>(options.runs)});
      }
    }
  }
  OrderedJson json;
  json["machine"] = MachineName();
  json["model"] = options.input;
  json["threads"] = bench->threads();
  json["runs"] = options.runs;
  json["prompt_tokens"] = options.prompt_tokens;
  json["ram_bytes_per_second_one_core"] = bench->ram_bytes_per_second();
  if (!bench->disk_rates().empty()) {
    json["disk_bytes_per_second"] = MedianOf(bench->disk_rates());
    json["product_weights_per_second"] = 1 / bench->products()->SecondsPerWeight(1);
  }
  json["dense_weights"] = bench->size().dense_weights;
  json["expert_weights"] = bench->size().expert_weights;
  if (!options.json) {
    fmt::print("{}; {}, {} thread(s), medians of {} runs, each with a freshly opened model\n",
               MachineName(), options.input, bench->threads(), options.runs);
    if (!bench->disk_rates().empty()) {
      fmt::print("limits of this run: disk {:.2f} GB/s, products {:.2f} Gweights/s\n",
                 json["disk_bytes_per_second"].get<double>() / 1e9,
                 json["product_weights_per_second"].get<double>() / 1e9);
    }
  }
  json["results"] = OrderedJson::array();
  for (const Measured& measured : cases) {
    OrderedJson result;
    result["cap_bytes"] =
        measured.which.cap ? OrderedJson(*measured.which.cap) : OrderedJson(nullptr);
    result["sequences"] = measured.which.sequences;
    result["planned_bytes"] = measured.plan.total_bytes();
    result["resident_bytes"] = measured.plan.weights_bytes;
    result["expert_cache_bytes"] = measured.plan.cache_bytes;
    result["hot_bytes"] = measured.plan.hot_bytes;
    result["peak_rss_bytes"] = measured.peak_rss_bytes;
    result["prefill"] = ToJson(measured.prefill);
    result["decode"] = ToJson(measured.decode);
    if (!options.json) {
      fmt::print("{}, {} sequence(s), peak RSS {}: {}\n",
                 measured.which.cap ? "cap " + FormatSize(*measured.which.cap) : "no cap",
                 measured.which.sequences, FormatSize(measured.peak_rss_bytes),
                 measured.plan.ToString());
      PrintPhase("prefill", result["prefill"]);
      PrintPhase("decode", result["decode"]);
    }
    json["results"].push_back(std::move(result));
  }
  if (options.json) PrintJson(json);
  return kExitDone;
}

}  // namespace

void AddBenchGenerate(CLI::App& bench, CommandBody& body) {
  CLI::App* command = bench.add_subcommand(
      "generate", "Tokens a second under memory caps, beside what the machine can do at most");
  const auto options = std::make_shared<Options>();
  command->add_option("--input", options->input, "An .ebb file or a checkpoint")->required();
  command->add_option("--memory", options->memory, "Caps, or none")->capture_default_str();
  command->add_option("--hot", options->hot, "As for ebb run")->type_name("SIZE");
  command->add_option("--sequences", options->sequences, "Sequences at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command->add_option("--prompt-tokens", options->prompt_tokens, "Of each sequence, read cold")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("-n,--new-tokens", options->steps, "Tokens of each sequence that are timed")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command
      ->add_option("--warm-tokens", options->warm_steps,
                   "Tokens before those, in which the cache finds its content")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  AddThreadsOption(*command, &options->threads);
  command->add_option("--runs", options->runs, "Runs of which the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
