// ebb eval and ebb router on the shipped model: prompts from files, sampling, what happens inside.
#include "base/file.h"
#include "cli/cli_testing.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

class EvalOptionsTest : public CliTest {
 protected:
  static std::string Arith() { return std::string("eval ") + kArith; }
  Json Eval(const std::string& options) { return EbbJson(Arith() + " " + options); }
  std::vector<Json> Rows(const std::string& options, const std::string& name) {
    const std::string path = dir_.Path(name);
    Eval(options + " --items " + path);
    const std::string text = ReadTextFile(path, 1 << 22).value();
    std::vector<Json> rows;
    for (size_t start = 0; start < text.size();) {
      const size_t end = text.find('\n', start);
      rows.push_back(ParseJson(text.substr(start, end - start), name).value());
      start = end + 1;
    }
    return rows;
  }
};

// Trained models, end to end: both architectures, from the checkpoint and from a bounded file under
// a cap that does not hold their experts decoded.
TEST_F(EvalOptionsTest, EveryShippedModelSolvesItsTask) {
  for (const std::string name : {"ebb-arith", "ebb-arith-2", "ebb-arith-mixtral"}) {
    SCOPED_TRACE(name);
    const std::string model = std::string(EBB_SOURCE_DIR) + "/models/" + name;
    const std::string file = dir_.Path(name + ".ebb");
    ASSERT_EQ(Ebb("compress " + model + " -o " + file + " --bound rel:0.2").exit_code, 0);
    const std::string task =
        " --task arith --limit 20 --batch 2 --data " + model + "/heldout.jsonl";
    for (const std::string& what : {model + task, file + task + " --memory 6MiB"}) {
      const Json result = EbbJson("eval " + what);
      EXPECT_GE(result["ica"].get<double>(), 0.9) << what;
      EXPECT_EQ(result["format_rate"].get<double>(), 1.0) << what;
    }
  }
}

TEST_F(EvalOptionsTest, ATemplateAndExamplesAreHashedIntoTheResult) {
  const std::string form = dir_.Write(
      "t.json",
      R"({"question": "{question} {instruction}", "instructions": {"boxed": "Box it."}})");
  const std::string shots =
      dir_.Write("s.jsonl", R"({"prompt": "1 + 1?", "solution": "\\boxed{2}"})"
                            "\n");
  const std::string base = "--task arith --limit 2 ";
  const Json plain = Eval(base);
  EXPECT_TRUE(plain["template_hash"].is_null());
  EXPECT_TRUE(plain["shots_hash"].is_null());
  const Json changed = Eval(base + "--template " + form + " --shots " + shots);
  EXPECT_EQ(changed["template_hash"].get<std::string>().size(), 16u);
  EXPECT_EQ(changed["shots_hash"].get<std::string>().size(), 16u);
  const auto rows = Rows(base, "a.jsonl");
  const auto with_shots = Rows(base + "--shots " + shots, "b.jsonl");
  EXPECT_NE(rows[0]["prompt_hash"], with_shots[0]["prompt_hash"]);
  EXPECT_GT(with_shots[0]["prompt_tokens"].get<int>(), rows[0]["prompt_tokens"].get<int>() + 4);

  const std::string bad = dir_.Write("bad.json", R"({"question": "no place"})");
  ExpectFailure(Arith() + " " + base + "--template " + bad, 1,
                {"bad.json: question", "{question}"});
  const std::string no_solution = dir_.Write("n.jsonl", R"({"prompt": "1 + 1?"})"
                                                        "\n");
  ExpectFailure(Arith() + " " + base + "--shots " + no_solution, 1, {"example 1", "solution"});
}

TEST_F(EvalOptionsTest, SamplesDependOnTheSeedAndNothingElse) {
  const std::string base = "--task arith --limit 6 -n 40 --temperature 6 --top-p 0.99 ";
  const auto texts = [&](const std::string& options, const std::string& name) {
    std::vector<std::string> all;
    for (const Json& row : Rows(base + options, name)) all.push_back(row["text"]);
    return all;
  };
  const auto first = texts("--seed 1", "a.jsonl");
  EXPECT_EQ(texts("--seed 1 --batch 4 --threads 1", "b.jsonl"), first);
  EXPECT_NE(texts("--seed 2", "c.jsonl"), first);
  const Json json = Eval(base + "--seed 1");
  EXPECT_EQ(json["temperature"], 6.0);
  EXPECT_EQ(json["seed"], 1);
  // The same item with fewer others.
  EXPECT_EQ(Rows("--task arith --limit 2 -n 40 --temperature 6 --top-p 0.99 --seed 1",
                 "d.jsonl")[1]["text"],
            first[1]);
  ExpectFailure(Arith() + " --task kl --temperature 1", 2, {"--temperature"});
  ExpectFailure(Arith() + " --task arith --top-p 0.5", 2, {"--temperature", "--top-p"});
}

TEST_F(EvalOptionsTest, EveryWrongOutputHasAFailure) {
  const std::string options = "--task arith --limit 16 --inject randomise,layers=1-7 -n 48 ";
  const Json json = Eval(options);
  const double wrong = 16 - 16 * json["ica"].get<double>();
  int64_t failures = 0;
  for (const char* kind :
       {"silence", "looping", "truncated", "format_violation", "reasoning_collapse"}) {
    ASSERT_TRUE(json["failures"].contains(kind)) << kind;
    failures += json["failures"][kind].get<int64_t>();
  }
  EXPECT_NEAR(static_cast<double>(failures), wrong, 1e-9);
  EXPECT_GT(failures, 8);
  for (const Json& row : Rows(options, "rows.jsonl")) {
    EXPECT_EQ(row["failure"].is_null(), row["ica"].get<bool>());
  }
}

TEST_F(EvalOptionsTest, InsideShowsWhereErrorBeginsAndWhoCarriesIt) {
  const Json json =
      Eval("--task kl --limit 6 --inside --inject noise:normal,rel:0.8,layers=4,experts=0-7");
  const Json& layers = json["inside"];
  ASSERT_EQ(layers.size(), 12u);
  EXPECT_TRUE(layers[0]["router_flips"].is_null());
  for (int l = 0; l < 12; ++l) {
    EXPECT_EQ(layers[l]["layer"], l);
    EXPECT_EQ(layers[l]["drift"].get<double>() > 0, l >= 4) << l;
    if (l == 0) continue;
    EXPECT_EQ(layers[l]["carried"].get<double>() > 0, l == 4) << l;
    if (l <= 4) {
      EXPECT_EQ(layers[l]["router_flips"], 0.0) << l;
    }
    EXPECT_EQ(layers[l]["drift_interval"].size(), 2u);
  }
  EXPECT_FALSE(Eval("--task kl --limit 2").contains("inside"));
  for (const char* key : {"median_kl_interval", "p99_kl_interval"}) {
    EXPECT_LE(json[key][0].get<double>(), json[key][1].get<double>()) << key;
  }
  ExpectFailure(Arith() + " --task perplexity --inside", 2, {"--inside"});
}

TEST_F(EvalOptionsTest, InjectedWeightsCountAgainstTheCap) {
  const std::string options = " --task kl --limit 2 --memory 30MiB --inject ebb,rel:0.2";
  EXPECT_EQ(Ebb(Arith() + options + ",layers=3").exit_code, 0);
  ExpectFailure(Arith() + options, 1, {"--memory", "30", "replaced experts"});
}

TEST_F(EvalOptionsTest, TheRouterIsDescribedAndDrawn) {
  const std::string csv = dir_.Path("r.csv");
  const std::string svg = dir_.Path("r.svg");
  const Json json =
      EbbJson(std::string("router ") + kArith + " --limit 10 --csv " + csv + " --plot " + svg);
  ASSERT_EQ(json["layers"].size(), 11u);
  const auto selections = json["tokens"].get<int64_t>() * json["experts_per_token"].get<int64_t>();
  for (const Json& layer : json["layers"]) {
    int64_t sum = 0;
    for (const Json& count : layer["counts"]) sum += count.get<int64_t>();
    EXPECT_EQ(sum, selections);
    EXPECT_EQ(layer["selections"], selections);
    EXPECT_GE(layer["imbalance"].get<double>(), 1);
    EXPECT_LE(layer["normalised_entropy"].get<double>(), 1);
    EXPECT_GE(layer["gini"].get<double>(), 0);
  }
  const std::string table = ReadTextFile(csv, 1 << 20).value();
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 12);
  EXPECT_THAT(ReadTextFile(svg, 1 << 22).value(), HasSubstr("</svg>"));
  ExpectFailure(std::string("router ") + kArith + " --task sums", 2, {"--task"});
  ExpectFailure(std::string("router ") + kArith + " --limit 1 --csv " + dir_.Path("no/r.csv"), 1,
                {"r.csv"});
}

}  // namespace
}  // namespace ebb
