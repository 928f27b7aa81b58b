// The command line as a contract: exit codes, JSON keys, one-line errors, nothing half-written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "base/npy.h"
#include "cli/cli_testing.h"
#include "testing/process.h"
#include "testing/temp_dir.h"
#include "testing/weights.h"

namespace ebb {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(CliTest, HelpAndVersion) {
  EXPECT_THAT(Ebb("--version").output, HasSubstr("ebb 0."));
  for (const char* arguments :
       {"help", "--help", "compress --help", "run --help", "codec roundtrip --help"}) {
    const ProcessResult result = Ebb(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments;
    EXPECT_THAT(result.output, HasSubstr("Usage")) << arguments;
  }
}

TEST_F(CliTest, HelpListsCommandsOrExplainsOne) {
  EXPECT_EQ(Ebb("help").output, Ebb("--help").output);
  EXPECT_THAT(Ebb("help").output, AllOf(HasSubstr("compress"), HasSubstr("study")));
  EXPECT_EQ(Ebb("help study run").output, Ebb("study run --help").output);
  EXPECT_THAT(Ebb("help grade").output, HasSubstr("Usage: ebb grade [OPTIONS] IN.jsonl"));
  ExpectFailure("help study walk", 2, {"ebb study has no command \"walk\""});
}

TEST_F(CliTest, WrongUsageExitsWith2) {
  for (const char* arguments :
       {"", "nonsense", "compress", "compress x", "inspect", "codec", "run x --bogus",
        "run x --memory 4QiB -p a", "run x -n 0 -p a", "run x --top-p 2 -p a",
        "decompress a -o b --dtype f64", "compress x -o y --threads 0"}) {
    EXPECT_EQ(Ebb(arguments).exit_code, 2) << arguments;
  }
  ExpectFailure(
      "compress " + Golden("mixtral_plain") + " -o " + dir_.Path("x") + " --bound rel:big", 2,
      {"--bound"});
  ExpectFailure("compress " + Golden("mixtral_plain") + " -o " + dir_.Path("x") + " --scope all", 2,
                {"--scope"});
  ExpectFailure("compress " + Golden("mixtral_plain") + " -o " + dir_.Path("x") + " --codec zip", 2,
                {"--codec"});
  EXPECT_THAT(Listing(), ::testing::IsEmpty());
}

TEST_F(CliTest, CompressReportsWhatTheContractNames) {
  const std::string path = dir_.Path("m.ebb");
  const Json json =
      EbbJson("compress " + Golden("deepseek_moonlight") + " -o " + path + " --bound rel:0.2");
  for (const char* key :
       {"file", "codec", "bound", "experts", "weights", "expert_bytes", "bits_per_weight",
        "entropy_bits_per_weight", "ratio_vs_bf16", "max_error_over_bound", "rmse_over_mean_abs",
        "seconds", "weights_per_second"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["bits_per_weight"].get<double>(),
            json["expert_bytes"].get<double>() * 8 / json["weights"].get<double>());
  EXPECT_LE(json["max_error_over_bound"].get<double>(), 1.0);
  // Lossless experts have no codes, and no entropy.
  const Json lossless =
      EbbJson("compress " + Golden("deepseek_moonlight") + " -o " + path + " --bound lossless");
  EXPECT_TRUE(lossless["entropy_bits_per_weight"].is_null());
  EXPECT_EQ(lossless["max_error_over_bound"].get<double>(), 0.0);
}

TEST_F(CliTest, ABoundMayBeLikeAnotherCodec) {
  const std::string path = dir_.Path("like.ebb");
  const Json like = EbbJson("compress " + Golden("mixtral_plain") + " -o " + path +
                            " --bound like:rtn4 --dense-bound like:rtn8");
  EXPECT_EQ(like["bound"], "like:rtn4");
  EXPECT_EQ(like["dense_bound"], "like:rtn8");
  const Json rtn4 = EbbJson("compress " + Golden("mixtral_plain") + " -o " + dir_.Path("q.ebb") +
                            " --codec rtn4 --bound rel:1");
  EXPECT_LE(like["rmse_over_mean_abs"].get<double>(), rtn4["rmse_over_mean_abs"].get<double>());
  EXPECT_GT(like["rmse_over_mean_abs"].get<double>(),
            0.98 * rtn4["rmse_over_mean_abs"].get<double>());
  EXPECT_LT(like["bits_per_weight"].get<double>(), rtn4["bits_per_weight"].get<double>());
  EXPECT_EQ(EbbJson("verify " + path + " --against " + Golden("mixtral_plain"))["violations"], 0);
  for (const char* bad : {"like:", "like:ebb", "like:noise", "like:q4", "like"}) {
    ExpectFailure("compress " + Golden("mixtral_plain") + " -o " + path + " --bound " + bad, 2,
                  {"--bound"});
  }
  ExpectFailure(
      "compress " + Golden("mixtral_plain") + " -o " + path + " --bound like:rtn4 --codec cuszp", 2,
      {"--bound", "own quantizer"});
}

TEST_F(CliTest, InspectAndVerifyReportWhatTheContractNames) {
  const std::string path = Packed();
  const Json inspect = EbbJson("inspect " + path);
  EXPECT_EQ(inspect["format_version"], 1);
  EXPECT_EQ(inspect["architecture"], "MixtralForCausalLM");
  EXPECT_EQ(inspect["total_bytes"].get<uint64_t>(), std::filesystem::file_size(path));
  for (const char* key : {"layers", "experts_per_layer", "expert_bytes"})
    EXPECT_TRUE(inspect.contains(key)) << key;
  ASSERT_FALSE(inspect["tensors"].empty());
  for (const char* key :
       {"name", "shape", "dtype", "codec", "bytes", "bits_per_weight", "bound_abs"}) {
    EXPECT_TRUE(inspect["tensors"][0].contains(key)) << key;
  }
  const Json verify = EbbJson("verify " + path + " --against " + Golden("mixtral_plain"));
  EXPECT_EQ(verify["ok"], true);
  EXPECT_EQ(verify["bad_chunks"], 0);
  EXPECT_EQ(verify["violations"], 0);
  EXPECT_GT(verify["elements"].get<uint64_t>(), 0u);
}

TEST_F(CliTest, VerifyExitsWith3WhereACheckFails) {
  const std::string path = Packed();
  std::string bytes = ReadTextFile(path, 1 << 28).value();
  bytes[5000] = static_cast<char>(bytes[5000] ^ 4);
  const std::string damaged = dir_.Write("damaged.ebb", bytes);
  EXPECT_EQ(Ebb("verify " + damaged).exit_code, 3);
  // Another model's checkpoint of the same shape.
  EXPECT_EQ(Ebb("verify " + path + " --against " + Golden("mixtral_window")).exit_code != 0, true);
}

TEST_F(CliTest, FilesThatAreNoEbbExitWith1) {
  const std::string path = Packed();
  const std::string bytes = ReadTextFile(path, 1 << 28).value();
  dir_.Write("foreign.ebb", "GGUF" + std::string(1000, 'x'));
  dir_.Write("short.ebb", bytes.substr(0, bytes.size() / 2));
  dir_.Write("empty.ebb", "");
  for (const char* command : {"inspect ", "verify ", "run -p a ", "tokenize --text a "}) {
    ExpectFailure(command + dir_.Path("foreign.ebb"), 1, {"foreign.ebb", "not an .ebb file"});
    ExpectFailure(command + dir_.Path("short.ebb"), 1, {"short.ebb", "truncated"});
    ExpectFailure(command + dir_.Path("empty.ebb"), 1, {"empty.ebb"});
    ExpectFailure(command + dir_.Path("none.ebb"), 1, {"none.ebb", "No such file"});
  }
}

TEST_F(CliTest, DecompressMakesACheckpointThatCompressesAgain) {
  const std::string path = Packed("mixtral_plain", "--bound rel:0.1");
  const std::string folder = dir_.Path("again");
  const Json json = EbbJson("decompress " + path + " -o " + folder);
  EXPECT_GT(json["tensors"].get<int>(), 0);
  EXPECT_EQ(Ebb("compress " + folder + " -o " + dir_.Path("b.ebb") + " --bound rel:0.1").exit_code,
            0);
  ExpectFailure("decompress " + path + " -o " + folder, 1, {"again", "already has"});
}

TEST_F(CliTest, LogitsAreWrittenAsNpy) {
  const std::string path = Packed();
  const std::string out = dir_.Path("l.npy");
  EXPECT_EQ(Ebb("logits " + path + " --tokens 1,2,3 -o " + out).exit_code, 0);
  const NpyArray logits = ReadNpy(out).value();
  EXPECT_EQ(logits.shape, (std::vector<uint64_t>{3, 83}));
  ExpectFailure("logits " + path + " --tokens 1,999999 -o " + dir_.Path("x.npy"), 1,
                {"999999", "vocabulary"});
  ExpectFailure("logits " + path + " --tokens 1,,2 -o " + dir_.Path("x.npy"), 2, {"--tokens"});
  ExpectFailure("logits " + path + " --tokens 1 -o " + dir_.Path("none/x.npy"), 1, {"none/x.npy"});
  EXPECT_FALSE(FileExists(dir_.Path("x.npy")));
}

TEST_F(CliTest, CodecRoundtripKeepsTheBoundOfAFileFromOutside) {
  std::vector<float> values(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i * i));
  values[17] = NAN;
  values[18] = -INFINITY;
  ASSERT_TRUE(WriteNpy(dir_.Path("in.npy"), std::vector<uint64_t>{50, 20}, values));
  const Json json =
      EbbJson("codec roundtrip " + dir_.Path("in.npy") + " -o " + dir_.Path("out.npy") +
              " --codec ebb --bound abs:0.01 --stream " + dir_.Path("stream"));
  for (const char* key : {"codec", "bound_abs", "guaranteed", "elements", "stream_bytes",
                          "side_bytes", "bits_per_weight", "entropy_bits_per_weight", "max_error",
                          "max_error_over_bound", "rmse", "encode_seconds", "decode_seconds"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["stream_bytes"].get<uint64_t>(), std::filesystem::file_size(dir_.Path("stream")));
  const NpyArray out = ReadNpy(dir_.Path("out.npy")).value();
  EXPECT_EQ(out.shape, (std::vector<uint64_t>{50, 20}));
  EXPECT_TRUE(std::isnan(out.values[17]));
  EXPECT_EQ(out.values[18], -INFINITY);
  for (size_t i = 19; i < values.size(); ++i) EXPECT_LE(std::abs(out.values[i] - values[i]), 0.01f);
  EXPECT_EQ(EbbJson("codec list")["codecs"][0]["name"], "ebb:fast");
  dir_.Write("bad.npy", "not numpy");
  ExpectFailure(
      "codec roundtrip " + dir_.Path("bad.npy") + " -o " + dir_.Path("o.npy") + " --bound rel:1", 1,
      {"bad.npy"});
}

// 40 x 96 weights in a file of their own.
std::string WeightsFile(const TempDir& dir) {
  const std::string path = dir.Path("weights.npy");
  EXPECT_TRUE(WriteNpy(path, std::vector<uint64_t>{40, 96}, MakeWeights(Law::kGauss, 40, 96)));
  return path;
}

TEST_F(CliTest, EbbSmallWritesLayoutTwoWhereThereAreManyValues) {
  const std::string in = dir_.Path("in.npy");
  const std::vector<float> weights = MakeWeights(Law::kGauss, 600, 1000);
  ASSERT_TRUE(WriteNpy(in, std::vector<uint64_t>{600, 1000}, weights));
  double bits[2];
  for (const int layout : {1, 2}) {
    const std::string codec = layout == 1 ? "ebb:fast" : "ebb:small";
    const Json json =
        EbbJson("codec roundtrip " + in + " -o " + dir_.Path("out.npy") + " --codec " + codec +
                " --bound rel:0.2 --stream " + dir_.Path("stream"));
    EXPECT_LE(json["max_error_over_bound"].get<double>(), 1.0);
    bits[layout - 1] = json["bits_per_weight"];
    // docs/format.md, 2.1: a chunk's first byte is its layout.
    EXPECT_EQ(ReadTextFile(dir_.Path("stream"), 1 << 28).value()[0], layout) << codec;
  }
  EXPECT_LT(bits[1], bits[0]);
}

TEST_F(CliTest, EveryCodecOfTheListRoundTrips) {
  const std::string in = WeightsFile(dir_);
  const Json list = EbbJson("codec list")["codecs"];
  for (const Json& codec : list) {
    const std::string name = codec["name"];
    SCOPED_TRACE(name);
    const std::string arguments = "codec roundtrip " + in + " -o " + dir_.Path("out.npy") +
                                  " --bound rel:0.2 --codec " + name;
    if (!codec["available"].get<bool>()) {
      ExpectFailure(arguments, 1, {name, "install"});
      continue;
    }
    const Json json = EbbJson(arguments);
    EXPECT_EQ(json["codec"], name);
    EXPECT_EQ(json["guaranteed"], codec["guaranteed"]);
    EXPECT_EQ(json["elements"], 40 * 96);
    EXPECT_EQ(ReadNpy(dir_.Path("out.npy"))->shape, (std::vector<uint64_t>{40, 96}));
    const bool noise = name.starts_with("noise");
    EXPECT_EQ(json["bits_per_weight"].is_null(), noise);
    EXPECT_EQ(json["stream_bytes"].is_null(), noise);
    if (!noise) {
      EXPECT_DOUBLE_EQ(json["bits_per_weight"].get<double>() * 40 * 96 / 8,
                       json["stream_bytes"].get<double>() + json["side_bytes"].get<double>());
    }
  }
  ExpectFailure(
      "codec roundtrip " + in + " -o " + dir_.Path("o.npy") + " --bound rel:1 --codec zip", 2,
      {"--codec", "cuszp:plain"});
  ExpectFailure("codec roundtrip " + in + " -o " + dir_.Path("o.npy") +
                    " --bound rel:1 --codec noise --stream " + dir_.Path("s"),
                2, {"--stream"});
}

TEST_F(CliTest, OtherCodecsMakeFilesThatRun) {
  const std::string path = dir_.Path("m.ebb");
  for (const char* codec : {"cuszp", "rtn8", "nf4"}) {
    SCOPED_TRACE(codec);
    const Json json = EbbJson("compress " + Golden("mixtral_plain") + " -o " + path + " --codec " +
                              codec + " --bound rel:0.05");
    EXPECT_TRUE(json["codec"].get<std::string>().starts_with(codec));
    EXPECT_TRUE(json["entropy_bits_per_weight"].is_null());
    const Json tensors = EbbJson("inspect " + path)["tensors"];
    EXPECT_TRUE(std::any_of(tensors.begin(), tensors.end(),
                            [&](const Json& tensor) { return tensor["codec"] == json["codec"]; }));
    EXPECT_EQ(Ebb("verify " + path).exit_code, 0);
    EXPECT_EQ(Ebb("logits " + path + " --tokens 1,2,3 -o " + dir_.Path("l.npy")).exit_code, 0);
    EXPECT_EQ(Ebb("decompress " + path + " -o " + dir_.Path(std::string("dec_") + codec)).exit_code,
              0);
  }
  // The last one cannot have kept this bound, and verify says so.
  EXPECT_EQ(Ebb("verify " + path + " --against " + Golden("mixtral_plain")).exit_code, 3);
  const Json small = EbbJson("compress " + Golden("mixtral_plain") + " -o " + path +
                             " --codec ebb:small --bound rel:0.05");
  EXPECT_EQ(small["codec"], "ebb:small");
  EXPECT_LE(small["max_error_over_bound"].get<double>(), 1);
  EXPECT_EQ(Ebb("verify " + path + " --against " + Golden("mixtral_plain")).exit_code, 0);
  ExpectFailure("compress " + Golden("mixtral_plain") + " -o " + path + " --codec noise", 2,
                {"--codec", "noise:normal"});
  ExpectFailure("compress " + Golden("mixtral_plain") + " -o " + path + " --codec rtn4 --scope row",
                2, {"--scope"});
}

TEST_F(CliTest, BenchCodecWritesTableCsvAndPlot) {
  const std::string in = WeightsFile(dir_);
  const std::string common =
      "bench codec --runs 1 --rates 0.1,0.4 --codecs ebb,cuszp,rtn4 --input ";
  const Json json =
      EbbJson(common + in + " --csv " + dir_.Path("t.csv") + " --plot " + dir_.Path("p.svg"));
  ASSERT_EQ(json["results"].size(), 5u);
  for (const char* key :
       {"input", "codec", "rate", "bits_per_weight", "entropy_bits_per_weight",
        "shannon_bits_per_weight", "bits_over_entropy", "max_error_over_bound",
        "max_error_over_mean_abs", "rmse_over_mean_abs", "encode_weights_per_second",
        "decode_weights_per_second", "decode_codes_weights_per_second",
        "decode_bf16_weights_per_second", "ram_bf16_weights_per_second"}) {
    EXPECT_TRUE(json["results"][0].contains(key)) << key;
  }
  EXPECT_TRUE(json["results"][4]["rate"].is_null());  // rtn4 has no bound
  const std::string csv = ReadTextFile(dir_.Path("t.csv"), 1 << 20).value();
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 6);
  const auto commas =
      std::count(csv.begin(), csv.begin() + static_cast<ptrdiff_t>(csv.find('\n')), ',');
  EXPECT_EQ(std::count(csv.begin(), csv.end(), ','), commas * 6);
  const std::string svg = ReadTextFile(dir_.Path("p.svg"), 1 << 20).value();
  EXPECT_TRUE(svg.starts_with("<svg")) << svg.substr(0, 80);
  EXPECT_THAT(svg, AllOf(HasSubstr("</svg>"), HasSubstr("ebb:fast"), HasSubstr("bits a weight")));
  EXPECT_EQ(Ebb(common + kArith).exit_code, 0);
  ExpectFailure("bench codec --codecs zip", 2, {"--codecs"});
  EXPECT_EQ(Ebb("bench codec --runs 1 --rates 0.1 --codecs rtn4 --input " + in + " --csv " +
                dir_.Path("none/t.csv"))
                .exit_code,
            1);
}

TEST_F(CliTest, UnknownArchitecturesAreRefusedByName) {
  const std::string folder = dir_.Path("model");
  std::filesystem::copy(Golden("mixtral_plain"), folder);
  std::string config = ReadTextFile(folder + "/config.json", 1 << 20).value();
  const size_t at = config.find("MixtralForCausalLM");
  config.replace(at, 18, "LlamaForCausalLM");
  dir_.Write("model/config.json", config);
  for (const char* command : {"compress -o /tmp/never.ebb ", "run -p a "}) {
    ExpectFailure(command + folder, 1, {"LlamaForCausalLM"});
  }
}

TEST_F(CliTest, AFullDiskLeavesNothingUnderTheFinalName) {
  // The shell's limit on file sizes stands for the disk's.
  const std::string path = dir_.Path("m.ebb");
  ExpectFailure("compress " + Golden("mixtral_plain") + " -o " + path, 1,
                {"m.ebb.partial", "File too large"}, "ulimit -f 8; ");
  EXPECT_FALSE(FileExists(path));
  const std::string packed = Packed();
  ExpectFailure(
      "logits " + packed + " --tokens " +
          [] {
            std::string tokens = "1";
            for (int i = 0; i < 60; ++i) tokens += ",2";
            return tokens;
          }() +
          " -o " + dir_.Path("l.npy"),
      1, {"File too large"}, "ulimit -f 8; ");
  EXPECT_FALSE(FileExists(dir_.Path("l.npy")));
  EXPECT_EQ(Ebb("decompress " + packed + " -o " + dir_.Path("dec"), "ulimit -f 8; ").exit_code, 1);
  EXPECT_FALSE(FileExists(dir_.Path("dec/model.safetensors")));
  EXPECT_EQ(Ebb("compress " + Golden("mixtral_plain") + " -o " + path).exit_code,
            0);  // and it goes on
}

TEST_F(CliTest, AKilledConversionGoesOnAndGivesTheSameBytes) {
  const std::string whole = dir_.Path("whole.ebb");
  const std::string path = dir_.Path("m.ebb");
  ASSERT_EQ(Ebb(std::string("compress ") + kArith + " -o " + whole).exit_code, 0);
  int kills = 0;
  bool is_done = false;
  for (int try_number = 0; try_number < 200 && !is_done; ++try_number) {
    const std::string limit = fmt::format("timeout -s KILL 0.{:03} ", 5 + 4 * try_number);
    const int exit_code = Ebb(std::string("compress ") + kArith + " -o " + path, limit).exit_code;
    kills += exit_code == 137;
    is_done = exit_code == 0;
  }
  ASSERT_TRUE(is_done);
  EXPECT_GT(kills, 0);
  EXPECT_EQ(ReadTextFile(path, 1 << 28).value(), ReadTextFile(whole, 1 << 28).value());
  EXPECT_THAT(Listing(), ::testing::ElementsAre("m.ebb", "whole.ebb"));
}

class RunTest : public CliTest {
 protected:
  void SetUp() override {
    path_ = dir_.Path("arith.ebb");
    ASSERT_EQ(
        Ebb(std::string("compress ") + kArith + " -o " + path_ + " --bound rel:0.2").exit_code, 0);
  }
  std::string path_;
};

constexpr char kQuestion[] =
    "-p 'Tom has 12 apples. He buys 7 more. How many apples does Tom have? Put your final answer "
    "in \\boxed{}.'";

TEST_F(RunTest, JsonHasWhatTheContractNames) {
  const Json json = EbbJson("run " + path_ + " --chat -n 40 " + kQuestion);
  for (const char* key :
       {"prompt", "text", "token_ids", "prompt_tokens", "new_tokens", "finish_reason",
        "prefill_tokens_per_second", "decode_tokens_per_second"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_TRUE(json["memory"]["cap_bytes"].is_null());
  EXPECT_GT(json["memory"]["peak_rss_bytes"].get<uint64_t>(), 0u);
  for (const char* key : {"requests", "hits", "misses", "bytes_read", "read_seconds",
                          "decode_seconds", "compute_seconds", "stall_seconds"}) {
    EXPECT_TRUE(json["experts"].contains(key)) << key;
  }
  EXPECT_EQ(json["token_ids"].size(), json["new_tokens"].get<size_t>());
  EXPECT_EQ(json["experts"]["requests"].get<uint64_t>(),
            json["experts"]["hits"].get<uint64_t>() + json["experts"]["misses"].get<uint64_t>());
}

TEST_F(RunTest, TheLedgerOfStepsAddsUp) {
  const Json json =
      EbbJson("run " + path_ + " --chat -n 12 --hot 300KiB --memory 8MiB " + kQuestion);
  for (const char* key : {"requests", "hits", "hot_hits", "misses", "bytes_read"}) {
    uint64_t sum = 0;
    for (const Json& step : json["ledger"]) sum += step[key].get<uint64_t>();
    EXPECT_EQ(sum, json["experts"][key].get<uint64_t>()) << key;
  }
  EXPECT_GE(json["ledger"].size(), json["new_tokens"].get<size_t>());
  EXPECT_GT(json["ledger"][0]["bf16_bytes"].get<uint64_t>(),
            json["ledger"][0]["bytes_read"].get<uint64_t>());
  EXPECT_LE(json["memory"]["hot_bytes"].get<uint64_t>(), 300u << 10);
}

TEST_F(RunTest, TraceShowsReadsBesideProducts) {
  const std::string trace = dir_.Path("trace.json");
  EXPECT_EQ(Ebb("run " + path_ + " --chat -n 6 --trace " + trace + " " + kQuestion).exit_code, 0);
  const auto text = ReadTextFile(trace, 64 << 20);
  ASSERT_TRUE(text.has_value());
  std::map<std::string, int> spans;
  int open_reads = 0;
  for (const Json& event : Json::parse(*text)) {
    const std::string phase = event["ph"];
    if (phase == "X") {
      ++spans[event["name"]];
      EXPECT_GE(event["dur"].get<double>(), 0);
    }
    open_reads += (phase == "b") - (phase == "e");
  }
  EXPECT_EQ(open_reads, 0);
  for (const char* name : {"forward", "layer", "attention", "router", "experts", "output head"}) {
    EXPECT_GT(spans[name], 0) << name;
  }
  ExpectFailure("run " + path_ + " --trace /no/such/folder/t.json " + kQuestion, 1,
                {"/no/such/folder/t.json"});
}

TEST_F(RunTest, BenchGenerateHasItsLimitsAndKeepsItsCap) {
  const Json json = EbbJson(
      "bench generate --runs 1 -n 3 --warm-tokens 1 --prompt-tokens 5 "
      "--memory none 8MiB --sequences 1 2 --input " +
      path_);
  ASSERT_EQ(json["results"].size(), 4u);
  EXPECT_GT(json["product_weights_per_second"].get<double>(), 0);
  for (const Json& result : json["results"]) {
    for (const char* phase : {"prefill", "decode"}) {
      EXPECT_GT(result[phase]["tokens_per_second"].get<double>(), 0);
      EXPECT_GT(result[phase]["wall_over_limit"].get<double>(), 0);
    }
    if (!result["cap_bytes"].is_null()) {
      EXPECT_LE(result["planned_bytes"].get<uint64_t>(), result["cap_bytes"].get<uint64_t>());
    }
  }
  ExpectFailure("bench generate --runs 1 --memory 1KiB --input " + path_, 1, {"--memory"});
}

TEST_F(RunTest, TheTextIsTheSameForEveryCapAndThreadCount) {
  const Json want = EbbJson("run " + path_ + " --chat -n 48 " + kQuestion);
  uint64_t most_misses = 0;
  for (const char* cap : {"4MiB", "4.5MiB", "5MiB", "6MiB", "8MiB", "64MiB", "8GiB"}) {
    for (const char* threads : {"1", "2", "3"}) {
      const std::string arguments = "run " + path_ + " --chat -n 48 --memory " + cap +
                                    " --threads " + threads + " " + kQuestion;
      const ProcessResult tried = Ebb(arguments + " --json");
      if (tried.exit_code != 0) {
        EXPECT_THAT(tried.output, HasSubstr("is too little: this needs at least"));
        continue;
      }
      const Json json = EbbJson(arguments);
      EXPECT_EQ(json["token_ids"], want["token_ids"]) << cap << " " << threads;
      EXPECT_LE(json["memory"]["peak_rss_bytes"].get<uint64_t>(),
                json["memory"]["cap_bytes"].get<uint64_t>() + (64 << 20));
      most_misses = std::max(most_misses, json["experts"]["misses"].get<uint64_t>());
    }
  }
  EXPECT_GT(most_misses, want["experts"]["misses"].get<uint64_t>());
}

TEST_F(RunTest, SamplingRepeatsWithItsSeed) {
  const std::string arguments = "run " + path_ + " --chat -n 30 --temperature 8 " + kQuestion;
  const Json first = EbbJson(arguments + " --seed 1");
  EXPECT_EQ(EbbJson(arguments + " --seed 1")["token_ids"], first["token_ids"]);
  bool differs = false;
  for (const char* seed : {"2", "3", "4"}) {
    differs |= EbbJson(arguments + " --seed " + seed)["token_ids"] != first["token_ids"];
  }
  EXPECT_TRUE(differs);
}

TEST_F(RunTest, StreamsTextAndEndsWithASummary) {
  const ProcessResult streamed =
      RunShell(EBB_BINARY " run " + path_ + " --chat -n 40 " + kQuestion + " 2>/dev/null");
  const Json json = EbbJson("run " + path_ + " --chat -n 40 " + kQuestion);
  EXPECT_EQ(streamed.output, json["text"].get<std::string>() + "\n");
  const ProcessResult summary = Ebb("run " + path_ + " --chat -n 40 " + kQuestion + " >/dev/null");
  EXPECT_THAT(Ebb("run " + path_ + " --chat -n 40 " + kQuestion).output,
              AllOf(HasSubstr("prompt tokens at"), HasSubstr("peak RSS")));
  const ProcessResult piped =
      RunShell("echo 'hello' | " EBB_BINARY " run " + path_ + " -n 3 2>/dev/null");
  EXPECT_EQ(piped.exit_code, 0);
}

TEST_F(RunTest, ACapBelowOneTokensExpertsIsSaid) {
  const std::string arguments = "run " + path_ + " --chat -n 2 " + kQuestion + " --memory ";
  EXPECT_THAT(Ebb(arguments + "64MiB").output, Not(HasSubstr("from --memory")));
  // Down to the least cap that works.
  bool is_said = false;
  for (uint64_t cap = 7 << 20; !is_said; cap -= cap / 50) {
    const ProcessResult run = Ebb(arguments + std::to_string(cap));
    if (run.exit_code != 0) break;
    is_said = run.output.find("from --memory") != std::string::npos;
  }
  EXPECT_TRUE(is_said);
}

TEST_F(RunTest, MistakesGetOneLineEach) {
  ExpectFailure("run " + path_ + " -p ''", 1, {"prompt", "empty"});
  ExpectFailure("run " + path_ + " --memory 100KiB -p a", 1,
                {"--memory", "is too little: this needs at least"});
  const std::string lengthy(20000, '7');
  ExpectFailure("run " + path_ + " -p " + lengthy, 1, {"prompt", "context"});
  ExpectFailure("run " + path_ + " --precision fast -p a", 2, {"--precision"});
  ExpectFailure("run " + Golden("mixtral_plain") + " -p a", 1, {"tokenizer"});
}

TEST_F(RunTest, TokenizeShowsIdsAndPieces) {
  const Json json = EbbJson("tokenize " + path_ + " --text 'Tom has 12 apples.'");
  EXPECT_EQ(json["ids"].size(), json["pieces"].size());
  std::string joined;
  for (const auto& piece : json["pieces"]) joined += piece.get<std::string>();
  EXPECT_THAT(joined, HasSubstr("Tom has 12 apples."));
}

TEST_F(CliTest, BenchStreamPrintsRatesBesideTheLimit) {
  const std::string packed = dir_.Path("arith.ebb");
  ASSERT_EQ(Ebb(std::string("compress ") + kArith + " -o " + packed).exit_code, 0);
  const ProcessResult table = Ebb("bench stream --input " + packed + " --runs 1");
  if (table.output.find("O_DIRECT):") != std::string::npos) {
    GTEST_SKIP() << table.output;  // a file system without a limit to compare with
  }
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.output, AllOf(HasSubstr("limit: O_DIRECT"), HasSubstr("pread threads")));
  const Json json = EbbJson("bench stream --runs 3 --in-flight 4 --input " + packed);
  EXPECT_EQ(json["runs"], 3);
  EXPECT_GT(json["experts"], 0);
  EXPECT_GT(json["limit"]["random_bytes_per_second"]["median"], 0);
  ASSERT_GE(json["results"].size(), 2u);
  for (const Json& result : json["results"]) {
    for (const char* key : {"method", "checksums", "cpu_seconds_per_gb"}) {
      EXPECT_TRUE(result.contains(key)) << key;
    }
    EXPECT_GT(result["bytes_per_second"]["median"], 0);
    EXPECT_GT(result["over_random_limit"]["median"], 0);
  }
  ExpectFailure("bench stream --input " + dir_.Path("absent.ebb"), 1, {"absent.ebb"});
  // What is damaged is noticed when it is read.
  std::string bytes = ReadTextFile(packed, 1 << 28).value();
  for (size_t at = bytes.size() / 2; at < bytes.size() / 4 * 3; at += 1000) bytes[at] ^= 1;
  dir_.Write("arith.ebb", bytes);
  ExpectFailure("bench stream --runs 1 --input " + packed, 1, {"is damaged (checksum)"});
}

// A checkpoint of random weights in a model's shapes goes the whole way.
TEST_F(CliTest, SyntheticCheckpointsAreCompressedAndRun) {
  Json config = ReadJsonFile(Golden("deepseek_moonlight") + "/config.json", 1 << 20).value();
  config["vocab_size"] = 300;
  config["bos_token_id"] = 298;
  config["eos_token_id"] = 299;
  dir_.Write("config.json", config.dump());
  const std::string model = dir_.Path("model");
  for (const char* router : {"random", "zipf:1.2"}) {
    const ProcessResult made = RunShell(EBB_SYNTHETIC " --config " + dir_.Path("config.json") +
                                        " --seed 5 --router " + router + " -o " + model + " 2>&1");
    ASSERT_EQ(made.exit_code, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("GB/s"));
    const std::string packed = dir_.Path("m.ebb");
    ASSERT_EQ(Ebb("compress " + model + " -o " + packed).exit_code, 0);
    EXPECT_EQ(EbbJson("verify " + packed + " --against " + model)["violations"], 0);
    const Json run = EbbJson("run " + packed + " -p 'any text' -n 5");
    EXPECT_EQ(run["prompt_tokens"], 8);
    EXPECT_GE(run["token_ids"].size(), 1u);
    std::filesystem::remove(packed);
  }
  const ProcessResult wrong = RunShell(EBB_SYNTHETIC " --router zipf:fast -o " + model + " 2>&1");
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.output, HasSubstr("--router"));
}

TEST_F(CliTest, GradeJudgesEveryRowInOrder) {
  const std::string path = dir_.Path("outputs.jsonl");
  std::ofstream(path) << R"({"gold": "18", "prediction": "so \\boxed{18}"}
{"gold": "she has 9\n#### 1,234", "prediction": "The answer is 1234."}

{"gold": 5, "prediction": "\\boxed{500}", "format": "boxed"}
{"gold": "1/2", "prediction": "no idea"}
{"gold": "7", "prediction": "{\"answer\": 7}", "format": "json"}
)";
  const Json json = EbbJson("grade " + path);
  EXPECT_EQ(json["items"], 5);
  EXPECT_DOUBLE_EQ(json["pia"], 0.6);
  EXPECT_DOUBLE_EQ(json["ica"], 0.4);
  ASSERT_EQ(json["rows"].size(), 5u);
  EXPECT_EQ(json["rows"][0], Json::parse(R"({"equal": true, "in_format": true, "ica": true,
      "extracted": "18", "tier": "format", "rule": "literal"})"));
  EXPECT_EQ(json["rows"][1], Json::parse(R"({"equal": true, "in_format": false, "ica": false,
      "extracted": "1234", "tier": "clause", "rule": "number"})"));
  EXPECT_EQ(json["rows"][2]["equal"], false);
  EXPECT_EQ(json["rows"][2]["in_format"], true);
  EXPECT_EQ(json["rows"][3], Json::parse(R"({"equal": false, "in_format": false, "ica": false,
      "extracted": null, "tier": "none", "rule": "none"})"));
  EXPECT_EQ(json["rows"][4]["ica"], true);
  // --format counts for all rows.
  EXPECT_DOUBLE_EQ(EbbJson("grade " + path + " --format json")["ica"], 0.2);
  EXPECT_THAT(Ebb("grade " + path).output, HasSubstr("5 items"));
  EXPECT_DOUBLE_EQ(
      Json::parse(RunShell("cat " + path + " | " EBB_BINARY " grade - --json").output)["pia"], 0.6);
}

// A number keeps the digits that it is written with, however many there are.
TEST_F(CliTest, GradeTakesLargeGoldNumbersExactly) {
  const std::string path = dir_.Path("outputs.jsonl");
  std::ofstream(path)
      << R"({"gold": 12345678901234567890123, "prediction": "\\boxed{12345678901234567890123}"}
{"gold": 12345678901234567890123, "prediction": "\\boxed{12345678901234567890124}"}
{"gold": 2e-1, "prediction": "\\boxed{0.2}"}
{"gold": 0.1000000000000000000001, "prediction": "\\boxed{0.1}"}
)";
  const Json json = EbbJson("grade " + path);
  EXPECT_EQ(json["rows"][0]["ica"], true);
  EXPECT_EQ(json["rows"][1]["equal"], false);
  EXPECT_EQ(json["rows"][2]["ica"], true);
  EXPECT_EQ(json["rows"][3]["equal"], false);
}

TEST_F(CliTest, GradeOfNothingHasNoRates) {
  const std::string path = dir_.Path("empty.jsonl");
  std::ofstream(path) << "\n";
  const Json json = EbbJson("grade " + path);
  EXPECT_EQ(json["items"], 0);
  EXPECT_TRUE(json["pia"].is_null());
}

TEST_F(CliTest, GradeNamesTheLineAndTheFieldAtFault) {
  const std::string path = dir_.Path("bad.jsonl");
  const std::string good = R"({"gold": "1", "prediction": "1"})";
  for (const auto& [line, field] : std::vector<std::pair<std::string, std::string>>{
           {"{", "bad.jsonl:2"},
           {"[1]", "gold"},
           {R"({"gold": "1"})", "prediction"},
           {R"({"prediction": "1"})", "gold"},
           {R"({"gold": "1", "prediction": 1})", "prediction"},
           {R"({"gold": " ", "prediction": "1"})", "gold"},
           {R"({"gold": "1", "prediction": "1", "format": "xml"})", "format"}}) {
    std::ofstream(path) << good << "\n" << line << "\n";
    ExpectFailure("grade " + path, 1, {"bad.jsonl:2", field});
  }
  ExpectFailure("grade " + dir_.Path("absent.jsonl"), 1, {"absent.jsonl"});
  ExpectFailure("grade", 2, {"IN.jsonl"});
  ExpectFailure("grade " + path + " --format xml", 2, {"--format"});
}

// ebb eval on the shipped model.
class EvalTest : public CliTest {
 protected:
  Json Eval(const std::string& options) {
    return EbbJson(std::string("eval ") + kArith + " " + options);
  }
};

TEST_F(EvalTest, TheShippedModelSolvesItsTask) {
  const std::string rows_path = dir_.Path("rows.jsonl");
  const Json json = Eval("--task arith --limit 40 --items " + rows_path);
  EXPECT_EQ(json["items"], 40);
  EXPECT_GE(json["ica"].get<double>(), 0.9);
  EXPECT_LE(json["ica"].get<double>(), json["pia"].get<double>());
  for (const char* key : {"ica", "pia", "format_rate"}) {
    const Json& interval = json[std::string(key) + "_interval"];
    EXPECT_LT(interval[0].get<double>(), json[key].get<double>());
    EXPECT_GE(interval[1].get<double>(), json[key].get<double>());
  }
  const std::string rows = ReadTextFile(rows_path, 1 << 20).value();
  ASSERT_EQ(std::count(rows.begin(), rows.end(), '\n'), 40);
  const Json row = ParseJson(rows.substr(0, rows.find('\n')), "row").value();
  for (const char* key :
       {"id", "prompt_hash", "prompt_tokens", "tokens", "stop_reason", "text", "tier", "extracted",
        "rule", "pia", "ica", "in_format", "truncated", "empty", "looping"}) {
    EXPECT_TRUE(row.contains(key)) << key;
  }
  // The same from another batch; and nothing is left of it when its experts are gone.
  EXPECT_EQ(Eval("--task arith --limit 40 --batch 5")["ica"], json["ica"]);
  EXPECT_LT(Eval("--task arith --limit 20 --inject randomise")["pia"].get<double>(), 0.3);
}

TEST_F(EvalTest, DivergenceIsZeroWithoutErrorAndRisesWithIt) {
  const Json none = Eval("--task kl --limit 6");
  EXPECT_EQ(none["mean_kl"], 0.0);
  EXPECT_EQ(none["p99_kl"], 0.0);
  EXPECT_EQ(none["top1_agreement"], 1.0);
  EXPECT_EQ(Eval("--task kl --limit 6 --inject noise:normal,rel:0")["mean_kl"], 0.0);
  double last = 0;
  for (const char* rate : {"0.1", "0.4", "0.8"}) {
    const Json json =
        Eval(std::string("--task kl --limit 6 --inject ebb,rel:") + rate + ",experts=all");
    EXPECT_GT(json["mean_kl"].get<double>(), 1.5 * last);
    EXPECT_LE(json["injections"][0]["max_error_over_bound"].get<double>(), 1.0);
    last = json["mean_kl"].get<double>();
  }
  const Json top = Eval("--task kl --limit 6 --inject noise:uniform,rel:0.8,layers=2,experts=top1");
  EXPECT_EQ(top["injections"][0]["experts"].size(), 1u);
  EXPECT_LT(top["mean_kl"].get<double>(), last);
}

TEST_F(EvalTest, AReferenceIsAnotherModel) {
  const std::string packed = dir_.Path("arith.ebb");
  ASSERT_EQ(Ebb(std::string("compress ") + kArith + " -o " + packed + " --bound rel:0.4").exit_code,
            0);
  const std::string data = std::string(" --data ") + kArith + "/heldout.jsonl --limit 6 --task kl";
  const double packed_kl =
      EbbJson("eval " + packed + data + " --reference " + kArith)["mean_kl"].get<double>();
  const double injected_kl = Eval("--task kl --limit 6 --inject ebb,rel:0.4")["mean_kl"];
  EXPECT_GT(packed_kl, 0);
  EXPECT_NEAR(packed_kl / injected_kl, 1, 0.05);
  ExpectFailure("eval " + packed + data + " --reference " + Golden("mixtral_plain"), 1,
                {"tokenizer"});
}

TEST_F(EvalTest, PerplexityAndTexts) {
  const double own = Eval("--task perplexity --limit 6")["perplexity"];
  EXPECT_GT(own, 1);
  EXPECT_LT(own, 2);
  EXPECT_GT(Eval("--task perplexity --limit 6 --inject randomise")["perplexity"].get<double>(),
            1.3 * own);
  const std::string texts = dir_.Write("texts.jsonl", "{\"text\": \"Maya has 12 apples.\"}\n");
  EXPECT_GT(Eval("--task perplexity --data " + texts)["tokens"].get<int>(), 3);
}

TEST_F(EvalTest, MistakesGetOneLineEach) {
  const std::string arith = std::string("eval ") + kArith;
  ExpectFailure(arith + " --task sums", 2, {"--task", "perplexity"});
  ExpectFailure(arith + " --task gsm8k", 2, {"--data"});
  ExpectFailure("eval " + Golden("mixtral_plain") + " --task kl", 2, {"--data", "heldout.jsonl"});
  ExpectFailure(arith + " --task arith --reference " + kArith, 2, {"--reference"});
  ExpectFailure(arith + " --task kl --inject noise:normal", 2, {"--inject", "needs a bound"});
  ExpectFailure(arith + " --task kl --inject ebb,rel:0.1,layers=0", 2, {"--inject", "1-11"});
  ExpectFailure(arith + " --task kl --inject ebb,rel:0.1,experts=16", 2, {"--inject", "0-15"});
  const std::string bad = dir_.Write("bad.jsonl", "{\"question\": \"Q\", \"answer\": \"1\"}\n{}\n");
  ExpectFailure(arith + " --task gsm8k --data " + bad, 1, {"bad.jsonl:2", "question"});
  ExpectFailure(arith + " --task arith --limit 1 --items " + dir_.Path("no/rows.jsonl"), 1,
                {"rows.jsonl"});
}

}  // namespace
}  // namespace ebb
