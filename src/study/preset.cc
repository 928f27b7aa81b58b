#include "study/preset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "engine/model_files.h"
#include "peers/codecs.h"
#include "study/equal_bytes.h"
#include "study/inputs.h"

namespace ebb {
namespace {

constexpr int64_t kPaperLayers = 26;
constexpr uint64_t kSampledWeights = uint64_t{1} << 20;
constexpr uint64_t kMaxDataBytes = uint64_t{1} << 30;

std::string Quoted(std::span<const std::string> texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "\"" : ", \"") + text + "\"";
  return "[" + list + "]";
}

// Any text as a string of TOML, quotation marks and all.
std::string TomlText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A path as the study file writes it.
std::string Relative(const std::string& path, const std::string& study_path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::absolute(study_path).parent_path();
  return fs::absolute(path).lexically_normal().lexically_proximate(folder.lexically_normal());
}

// Whether rows of the shipped task say how many steps their problem has.
Result<bool> HasSteps(const std::string& data) {
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(data, kMaxDataBytes));
  const std::vector<std::string> rows = DataRows(text, 0);
  EBB_TRY_ASSIGN(const ItemFilter filter, ItemFilter::Parse("steps >= 3"));
  return std::any_of(rows.begin(), rows.end(),
                     [&](const std::string& row) { return filter.Accepts(row); });
}

std::vector<std::string> Available(std::span<const std::string> names) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto codec = FindCodec(name);
    if (codec && (*codec)->info().available) found.push_back(name);
  }
  return found;
}

class Writer {
 public:
  Writer(const PresetOptions& options, const ModelFiles& files)
      : options_(options), source_(*files.source), config_(files.source->config()) {}

  Result<std::string> Run() {
    Head();
    Data(std::string(TaskName(options_.task)), options_.task, options_.data);
    if (!options_.math.empty()) Data("math", Task::kMath, options_.math);
    Checks();
    SingleLayers();
    Groups("T7", "Groups of layers, the most selected expert of each layer", MainData(),
           {"rel:0.3", "rel:0.5", "rel:0.8"}, "");
    EBB_TRY(Harder());
    Map();
    EBB_TRY(Codecs());
    EBB_TRY(EqualBytes());
    Screen();
    ScreenExperts();
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...);
  }

  std::string Layer(int64_t paper_layer) const {
    const int64_t first = config_.moe.first_dense_layers;
    return fmt::format("{}", ScaledLayer(paper_layer, first, config_.num_layers - first));
  }
  std::string MainData() const { return std::string(TaskName(options_.task)); }
  std::vector<std::string> AllLayers() const {
    std::vector<std::string> layers;
    for (int64_t l = config_.moe.first_dense_layers; l < config_.num_layers; ++l) {
      layers.push_back(fmt::format("{}", l));
    }
    return layers;
  }
  std::string TopOfToken() const { return fmt::format("top{}", config_.moe.experts_per_token); }

  void Head() {
    Add("# The experiments of arXiv 2509.07727 for this model; docs/study.md describes the "
        "fields.\n"
        "# The paper's layers 1, 13, 20 and 26 of 26 are {}, {}, {} and {} here.\n"
        "version = 1\nmodel = {}\ndatabase = {}\n",
        Layer(1), Layer(13), Layer(20), Layer(26),
        TomlText(Relative(options_.model, options_.study_path)),
        TomlText(std::filesystem::path(options_.study_path).stem().string() + ".sqlite"));
  }

  void Data(const std::string& name, Task task, const std::string& file) {
    const bool shipped = task == Task::kArith;
    Add("\n[[data]]\nname = \"{}\"\ntask = \"{}\"\nfile = {}\nlimit = 0\nformat = \"{}\"\n"
        "new_tokens = {}\nbatch = 32\nkl_items = 100\n",
        name, TaskName(task), TomlText(Relative(file, options_.study_path)), "boxed",
        shipped               ? 160
        : task == Task::kMath ? 1024
                              : 512);
  }

  void Experiment(const std::string& name, const std::string& about, const std::string& data,
                  const std::string& measure) {
    Add("\n[[experiment]]\nname = \"{}\"\nabout = \"{}\"\ndata = \"{}\"\nmeasure = [{}]\n", name,
        about, data, measure);
  }
  void Grid(const std::string& codecs, const std::vector<std::string>& bounds,
            const std::vector<std::string>& layers, const std::string& experts,
            const std::string& seeds, const std::string& compare) {
    Add("codecs = [{}]\n", codecs);
    if (!bounds.empty()) Add("bounds = {}\n", Quoted(bounds));
    if (!layers.empty()) Add("layers = {}\n", Quoted(layers));
    if (!experts.empty()) Add("experts = [\"{}\"]\n", experts);
    if (!seeds.empty()) Add("seeds = [{}]\n", seeds);
    Add("compare = \"{}\"\n", compare);
  }

  void Checks() {
    Experiment("AA", "Weights through a lossless codec: must change nothing", MainData(),
               R"("kl", "accuracy")");
    Add("inject = [[\"ebb:fast,lossless\"], [\"noise:normal,rel:0\"]]\ncompare = \"null\"\n");
    Experiment("AA-seeds", "The same noise twice, five seeds against five: no difference",
               MainData(), R"("kl", "accuracy")");
    Grid("\"noise:normal\"", {"rel:0.5"}, {}, "", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "seeds");
  }

  void SingleLayers() {
    const std::string data = MainData();
    const std::string noise = "\"noise:normal\"";
    const std::string both = R"("kl", "accuracy")";
    const std::vector<std::string> four = {Layer(1), Layer(13), Layer(20), Layer(26)};
    Experiment("T3", "First layer, most selected expert", data, both);
    Grid(noise, {"rel:0.3", "rel:0.5", "rel:0.8"}, {Layer(1)}, "top1", kSeeds, "baseline");
    Experiment("cold", "First layer, expert 0", data, both);
    Grid(noise, {"rel:0.1", "rel:0.3", "rel:0.5", "rel:0.8"}, {Layer(1)}, "0", kSeeds, "baseline");
    Experiment("randomised", "First layer, expert 0 and all experts fully randomised", data, both);
    Add("inject = [[\"randomise,layers={0},experts=0\"], [\"randomise,layers={0}\"]]\n"
        "seeds = [{1}]\ncompare = \"baseline\"\n",
        Layer(1), kSeeds);
    Experiment("T4", "Most selected expert by layer", data, both);
    Grid(noise, {"rel:0.8"}, four, "top1", kSeeds, "layers");
    Experiment("T5", "As many top experts as a token uses, first and last layer", data, both);
    Grid(noise, {"rel:0.8"}, {Layer(1), Layer(26)}, TopOfToken(), kSeeds, "layers");
    Experiment("T6", "All experts by layer", data, R"("kl", "inside", "accuracy")");
    Grid(noise, {"rel:0.8"}, four, "", kSeeds, "layers");
  }

  void Groups(const std::string& name, const std::string& about, const std::string& data,
              const std::vector<std::string>& bounds, const std::string& where) {
    Experiment(name, about, data, R"("kl", "inside", "accuracy")");
    if (!where.empty()) Add("where = \"{}\"\n", where);
    const auto group = [&](int64_t from, int64_t to) { return Layer(from) + "-" + Layer(to); };
    Grid("\"noise:normal\"", bounds, {group(1, 10), group(9, 18), group(17, 26)}, "top1", kSeeds,
         "layers");
  }

  // T8 and T9: the paper's MATH, or the harder problems of the shipped task.
  Status Harder() {
    std::string data = "math";
    std::string where;
    if (options_.math.empty() && options_.task != Task::kMath) {
      EBB_TRY_ASSIGN(const bool has_steps, HasSteps(options_.data));
      if (!has_steps) {
        Add("\n# T8 and T9 need MATH: ebb study init --math FILE.\n");
        return {};
      }
      data = MainData();
      where = "steps >= 3";
    }
    Experiment("T8", "T4 on harder problems", data, R"("kl", "accuracy")");
    if (!where.empty()) Add("where = \"{}\"\n", where);
    Grid("\"noise:normal\"", {"rel:0.8"}, {Layer(1), Layer(13), Layer(20), Layer(26)}, "top1",
         kSeeds, "layers");
    Groups("T9", "T7 on harder problems", data, {"rel:0.3", "rel:0.5"}, where);
    return {};
  }

  void Map() {
    Experiment("map", "Every layer by rate, all experts", MainData(), R"("kl", "accuracy")");
    // Beyond the paper's rates, too: up to where a small model's layers break.
    Grid("\"noise:normal\"", {"rel:0.5", "rel:0.8", "rel:1.6"}, AllLayers(), "", kSeeds,
         "baseline");
  }

  Status Codecs() {
    const std::vector<std::string> wanted = {"noise:normal", "noise:uniform", "ebb:fast",
                                             "sz3:nopred",   "sz3",           "cuszp:fixed"};
    const std::vector<std::string> found = Available(wanted);
    for (const std::string& name : wanted) {
      if (std::find(found.begin(), found.end(), name) == found.end()) {
        Add("\n# {} is not here: ebb codec list says what to install.\n", name);
      }
    }
    std::string list = Quoted(found);
    list = list.substr(1, list.size() - 2);
    Experiment("codecs", "Does N(0, e), or U(-e, e), predict real codecs at bound e?", MainData(),
               R"("kl", "accuracy")");
    Grid(list, {"rel:0.3", "rel:0.5", "rel:0.8"}, {}, "", kSeeds, "codecs");
    Experiment("codecs-kl", "The same at smaller bounds, by divergence", MainData(), R"("kl")");
    Grid(list, {"rel:0.05", "rel:0.1", "rel:0.2"}, {}, "", kSeeds, "codecs");
    return {};
  }

  // A quantizer first, then what takes as many bytes.
  Status EqualBytes() {
    EBB_TRY_ASSIGN(const auto experts, SampleExperts(source_, kSampledWeights));
    const std::vector<std::vector<std::string>> families = {{"rtn4", "nf4"}, {"rtn3"}, {"rtn2"}};
    for (const std::vector<std::string>& quantizers : families) {
      EBB_TRY_ASSIGN(const double bits,
                     BitsPerWeight(quantizers.front(), experts, config_.hidden_size));
      std::string cells;
      for (const std::string& name : quantizers) {
        cells += fmt::format("{}[\"{}\"]", cells.empty() ? "" : ", ", name);
      }
      double last_rate = 0;  // two settings that are one for matrices of this size are one cell
      for (const char* codec : {"ebb:fast", "ebb:small"}) {
        EBB_TRY_ASSIGN(const double rate, RateForBits(codec, bits, experts, config_.hidden_size));
        if (rate == last_rate) continue;
        last_rate = rate;
        cells += fmt::format(", [\"{},rel:{:.4g}\"]", codec, rate);
      }
      Experiment("bytes-" + quantizers.front(),
                 fmt::format("Error-bounded against quantization at {:.2f} bits a weight", bits),
                 MainData(), R"("kl", "accuracy")");
      Add("inject = [{}]\ncompare = \"codecs\"\n", cells);
    }
    return {};
  }

  void Screen() {
    Experiment("screen", "Divergence by layer and bound: what ebb plan allocates by", MainData(),
               R"("kl")");
    Grid("\"ebb:fast\"", {"rel:0.05", "rel:0.1", "rel:0.2", "rel:0.4", "rel:0.8", "rel:1.6"},
         AllLayers(), "", "", "baseline");
  }

  // Within a layer experts differ far more than layers do: where there are few enough, one by one.
  void ScreenExperts() {
    const int64_t layers = config_.num_layers - config_.moe.first_dense_layers;
    if (layers * config_.moe.num_experts > kMostScreenedExperts) {
      Add("\n# {} experts are too many to screen one by one: ebb plan goes by layers.\n",
          layers * config_.moe.num_experts);
      return;
    }
    std::vector<std::string> experts;
    for (int64_t e = 0; e < config_.moe.num_experts; ++e) experts.push_back(fmt::format("{}", e));
    Experiment("screen-experts", "Divergence by expert: what ebb plan allocates by", MainData(),
               R"("kl")");
    Add("codecs = [\"ebb:fast\"]\nbounds = [\"rel:1\"]\nlayers = {}\nexperts = {}\ncompare = "
        "\"baseline\"\n",
        Quoted(AllLayers()), Quoted(experts));
  }

  static constexpr int64_t kMostScreenedExperts = 512;
  static constexpr char kSeeds[] = "1, 2, 3, 4, 5";

  const PresetOptions& options_;
  const WeightSource& source_;
  const ModelConfig& config_;
  std::string text_;
};

}  // namespace

int64_t ScaledLayer(int64_t paper_layer, int64_t first_layer, int64_t layers) {
  const double place = static_cast<double>(paper_layer - 1) / static_cast<double>(kPaperLayers - 1);
  return first_layer + std::llround(place * static_cast<double>(layers - 1));
}

Result<std::string> PaperPreset(const PresetOptions& options) {
  EBB_TRY_ASSIGN(const ModelFiles files, OpenModelFiles(options.model));
  return Writer(options, files).Run();
}

}  // namespace ebb
