// From a study to a plan and to a page: the commands on the shipped model, and the page in a real
// browser.
#include "base/file.h"
#include "cli/browser.h"
#include "cli/cli_testing.h"

namespace ebb {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class StudyCommandsTest : public CliTest {
 protected:
  // A study of a few items, with these experiments.
  std::string Study(const std::string& name, const std::string& experiments,
                    const std::string& model = kArith) {
    return dir_.Write(name + ".toml", "version = 1\nmodel = \"" + model + "\"\ndatabase = \"" +
                                          name +
                                          ".sqlite\"\n[[data]]\nname = \"arith\"\ntask = "
                                          "\"arith\"\nfile = \"" +
                                          kArith +
                                          "/heldout.jsonl\"\nlimit = 6\nkl_items = 3\nnew_tokens "
                                          "= 60\n" +
                                          experiments);
  }
  static std::string Screen(const std::string& layers) {
    return "[[experiment]]\nname = \"screen\"\ndata = \"arith\"\nmeasure = [\"kl\"]\ncodecs = "
           "[\"ebb:fast\"]\nbounds = [\"rel:1\"]\nlayers = [" +
           layers + "]\n";
  }
};

constexpr char kAllLayers[] = R"("1","2","3","4","5","6","7","8","9","10","11")";

TEST_F(StudyCommandsTest, APlanKeepsItsSizeAndIsReadByCompress) {
  const std::string study = Study("s", Screen(kAllLayers));
  ASSERT_EQ(Ebb("study run " + study).exit_code, 0);
  const std::string plan = dir_.Path("plan.json");
  const Json json = EbbJson("plan " + study + " --size 3.5bpw -o " + plan);
  EXPECT_LE(json["bits_per_weight"].get<double>(), 3.5);
  EXPECT_GT(json["bits_per_weight"].get<double>(), 3.45);
  EXPECT_LE(json["predicted_ratio"].get<double>(), 1.0001);
  ASSERT_EQ(json["groups"].size(), 11u);
  EXPECT_TRUE(json["groups"][0]["expert"].is_null());
  const Json packed =
      EbbJson(std::string("compress ") + kArith + " -o " + dir_.Path("p.ebb") + " --plan " + plan);
  EXPECT_LE(packed["bits_per_weight"].get<double>(), 3.5);
  EXPECT_NEAR(packed["expert_bytes"].get<double>(), json["size_bytes"].get<double>(), 11 * 16);

  ExpectFailure("plan " + study + " --size 0.2bpw -o " + dir_.Path("q.json"), 1,
                {"--size", "too little", "rel:1"});
  ExpectFailure("plan " + study + " --size many -o " + dir_.Path("q.json"), 2, {"--size"});
  ExpectFailure("plan " + study + " --size -3bpw -o " + dir_.Path("q.json"), 2, {"--size"});
  ExpectFailure("plan " + study + " --size 3bpw --model " + Golden("mixtral_plain") + " -o " +
                    dir_.Path("q.json"),
                1, {"mixtral_plain", "other layers or experts"});
  EXPECT_FALSE(FileExists(dir_.Path("q.json")));
}

// Two trainings of one architecture have the same shape and other sensitivities.
TEST_F(StudyCommandsTest, APlanIsRefusedToAnotherModelOfTheSameShape) {
  std::filesystem::create_directory_symlink(kArith, dir_.Path("m"));
  ASSERT_EQ(Ebb("study run " + Study("s", Screen(kAllLayers), "m")).exit_code, 0);
  const std::string other = std::string(EBB_SOURCE_DIR) + "/models/ebb-arith-2";
  const std::string plan = " --size 3bpw -o " + dir_.Path("q.json");
  for (const char* study : {"s.toml", "s.sqlite"}) {
    ExpectFailure("plan " + dir_.Path(study) + plan + " --model " + other, 1,
                  {"ebb-arith-2", "another model than the study's"});
    EXPECT_EQ(Ebb("plan " + dir_.Path(study) + plan + " --model " + kArith).exit_code, 0);
    std::filesystem::remove(dir_.Path("q.json"));
  }
  std::filesystem::remove(dir_.Path("m"));  // trained again, in place
  std::filesystem::create_directory_symlink(other, dir_.Path("m"));
  ExpectFailure("plan " + dir_.Path("s.toml") + plan, 1, {"another model than the study's"});
  ExpectFailure("plan " + dir_.Path("s.sqlite") + plan, 1, {"another model than the study's"});
  EXPECT_FALSE(FileExists(dir_.Path("q.json")));
}

// The unperturbed model of such a study is the .ebb file as it is.
TEST_F(StudyCommandsTest, AnEbbFileIsAModelToStudy) {
  const std::string experiments = Screen(kAllLayers) +
                                  "[[experiment]]\nname = \"AA\"\ndata = \"arith\"\nmeasure = "
                                  "[\"kl\", \"accuracy\"]\ninject = [[\"ebb:fast,lossless\"]]\n"
                                  "compare = \"null\"\n";
  for (const std::string bound : {"lossless", "rel:0.2"}) {
    SCOPED_TRACE(bound);
    const std::string name = bound == "lossless" ? "exact" : "bounded";
    const std::string file = dir_.Path(name + ".ebb");
    ASSERT_EQ(
        Ebb(std::string("compress ") + kArith + " -o " + file + " --bound " + bound).exit_code, 0);
    ASSERT_EQ(Ebb("study init --model " + file + " --data " + kArith + "/heldout.jsonl -o " +
                  dir_.Path("paper_" + name))
                  .exit_code,
              0);
    const std::string study = Study(name, experiments, file);
    ASSERT_EQ(Ebb("study run " + study).exit_code, 0);
    const Json tables = EbbJson("study tables " + study + " -o " + dir_.Path("t"));
    EXPECT_EQ(tables["null_checks"], 1);
    EXPECT_EQ(tables["null_checks_failed"], 0);
    const std::string plan = " --size 3.5bpw -o " + dir_.Path(name + ".json");
    if (bound != "lossless") {
      ExpectFailure("plan " + study + plan, 1, {"stored with an error", "--model"});
    }
    EXPECT_EQ(Ebb("plan " + study + plan + " --model " + kArith).exit_code, 0);
  }
  // Exactly stored, it is the checkpoint: same divergences, same plan.
  ASSERT_EQ(Ebb("study run " + Study("checkpoint", Screen(kAllLayers))).exit_code, 0);
  ASSERT_EQ(Ebb("plan " + dir_.Path("checkpoint.toml") + " --size 3.5bpw -o " + dir_.Path("c.json"))
                .exit_code,
            0);
  ASSERT_EQ(
      Ebb("plan " + dir_.Path("exact.toml") + " --size 3.5bpw -o " + dir_.Path("e.json")).exit_code,
      0);
  EXPECT_EQ(ReadTextFile(dir_.Path("c.json"), 1 << 20).value(),
            ReadTextFile(dir_.Path("e.json"), 1 << 20).value());
}

// A database knows its model from its own folder on, wherever one stands.
TEST_F(StudyCommandsTest, APlanFromTheDatabaseAloneFindsTheModel) {
  std::filesystem::create_directory_symlink(kArith, dir_.Path("m"));
  ASSERT_EQ(Ebb("study run " + Study("s", Screen(kAllLayers), "m")).exit_code, 0);
  const std::string arguments = "plan " + dir_.Path("s.sqlite") + " --size 3bpw -o ";
  const ProcessResult plan = Ebb(arguments + dir_.Path("p.json"), "cd /; ");
  EXPECT_EQ(plan.exit_code, 0) << plan.output;
  std::filesystem::remove(dir_.Path("m"));
  ExpectFailure(arguments + dir_.Path("q.json"), 1, {"/m: ", "is not there", "--model"});
}

TEST_F(StudyCommandsTest, InitSaysWhatToDoNext) {
  const std::string study = dir_.Path("new/study.toml");
  const ProcessResult result =
      Ebb("study init --model " + std::string(kArith) + " -o " + dir_.Path("new"));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(result.output.ends_with("cells\nnext: ebb study run " + study + "\n"))
      << result.output;
}

TEST_F(StudyCommandsTest, InitNamesWhatIsMissing) {
  const std::string out = " -o " + dir_.Path("new/s.toml");
  ExpectFailure("study init --model nowhere" + out, 1, {"nowhere", "no such model", "checkpoint"});
  ExpectFailure("study init --model " + Golden("mixtral_plain") + out, 2,
                {"--data", "mixtral_plain/heldout.jsonl", "--task"});
  ExpectFailure("study init --task gsm8k --model " + std::string(kArith) + out, 2,
                {"--data", "gsm8k needs"});
  ExpectFailure("study init --data none.jsonl --model " + std::string(kArith) + out, 1,
                {"none.jsonl", "--data"});
  ExpectFailure("study init --math none.jsonl --model " + std::string(kArith) + out, 1,
                {"none.jsonl", "--math"});
  ExpectFailure("study init --task math --data " + std::string(kArith) + "/heldout.jsonl --math " +
                    kArith + "/heldout.jsonl --model " + kArith + out,
                2, {"--math", "--data"});
  EXPECT_TRUE(Listing().empty()) << "nothing is left of what failed";
  dir_.Write("old.sqlite", "");
  ExpectFailure("study init --model " + std::string(kArith) + " -o " + dir_.Path("old.toml"), 1,
                {"old.sqlite", "already"});
  dir_.Write("text", "");
  ExpectFailure("study init --model " + std::string(kArith) + " -o " + dir_.Path("text"), 2,
                {"--out", "text"});
}

TEST_F(StudyCommandsTest, AStudyThatIsNoneIsNamed) {
  const std::string folder = " -o " + dir_.Path("o");
  for (const auto& [command, out] : std::vector<std::pair<std::string, std::string>>{
           {"run", ""}, {"status", ""}, {"tables", folder}, {"report", folder}}) {
    const std::string study = "study " + command + " ";
    ExpectFailure(study + dir_.Path("none.toml") + out, 1, {"none.toml", "study init"});
    ExpectFailure(study + dir_.path() + out, 1, {"study.toml", "study init"});
    ExpectFailure(study + dir_.Write("d.sqlite", "SQLite format 3") + out, 1,
                  {"d.sqlite", "name the .toml"});
    ExpectFailure(study + dir_.Write("b", std::string("a\0b", 3)) + out, 1, {"no study file"});
  }
}

TEST_F(StudyCommandsTest, APlanNeedsEveryLayerMeasured) {
  const std::string study = Study("s", Screen(R"("1","2")"));
  ExpectFailure("plan " + study + " --size 3bpw -o " + dir_.Path("q.json"), 1, {"s.sqlite"});
  ASSERT_EQ(Ebb("study run " + study).exit_code, 0);
  ExpectFailure("plan " + study + " --size 3bpw -o " + dir_.Path("q.json"), 1, {"layer 3"});
  const std::string noise =
      Study("n",
            "[[experiment]]\nname = \"x\"\ndata = \"arith\"\nmeasure = [\"kl\"]\ncodecs = "
            "[\"noise:normal\"]\nbounds = [\"rel:1\"]\nlayers = [\"1\"]\n");
  ASSERT_EQ(Ebb("study run " + noise).exit_code, 0);
  ExpectFailure("plan " + noise + " --size 3bpw -o " + dir_.Path("q.json"), 1,
                {"single layers or experts"});
}

// A study with something for every section.
constexpr char kEverything[] = R"(
[[experiment]]
name = "AA"
data = "arith"
measure = ["kl", "accuracy"]
inject = [["ebb:fast,lossless"]]
compare = "null"
[[experiment]]
name = "groups"
about = "Two <groups> & rates"
data = "arith"
measure = ["kl", "inside", "accuracy"]
codecs = ["noise:normal"]
bounds = ["rel:0.5", "rel:2"]
layers = ["1-4", "7-11"]
seeds = [1, 2]
compare = "layers"
[[experiment]]
name = "map"
data = "arith"
measure = ["kl", "accuracy"]
codecs = ["noise:normal"]
bounds = ["rel:1", "rel:3"]
layers = ["1", "6", "11"]
seeds = [1]
[[experiment]]
name = "codecs"
data = "arith"
measure = ["kl", "accuracy"]
codecs = ["noise:normal", "noise:uniform", "ebb:fast"]
bounds = ["rel:0.4", "rel:0.8"]
seeds = [1]
compare = "codecs"
[[experiment]]
name = "bytes"
data = "arith"
measure = ["kl", "accuracy"]
inject = [["rtn3"], ["ebb:fast,rel:0.25"]]
compare = "codecs"
)";

class ReportTest : public StudyCommandsTest {
 protected:
  std::string MakeReport() {
    const std::string study = Study("all", kEverything);
    EXPECT_EQ(Ebb("study run " + study).exit_code, 0);
    out_ = dir_.Path("out");
    const Json json = EbbJson("study report " + study + " -o " + out_);
    EXPECT_EQ(json["file"], out_ + "/report.html");
    for (const Json& table : json["tables"]) {
      EXPECT_TRUE(FileExists(out_ + "/" + table.get<std::string>())) << table;
    }
    return ReadTextFile(out_ + "/report.html", 1 << 24).value();
  }
  std::string out_;
};

// One study for all that is asked of its page: measuring takes longer than asking.
TEST_F(ReportTest, ThePageShowsTheStudyInARealBrowser) {
  const std::string html = MakeReport();
  for (const char* outside :
       {"http://", "https://", "<script", "<link", "<img", "@import", "url("}) {
    std::string without_names = html;
    const std::string xmlns = "xmlns=\"http://www.w3.org/2000/svg\"";
    for (size_t at; (at = without_names.find(xmlns)) != std::string::npos;) {
      without_names.erase(at, xmlns.size());
    }
    EXPECT_THAT(without_names, Not(HasSubstr(outside)));
  }
  EXPECT_THAT(html, AllOf(HasSubstr("Two &lt;groups&gt; &amp; rates"), Not(HasSubstr("<groups>"))));
  EXPECT_THAT(html, HasSubstr("Null checks: 1 of 1 came out null, to the bit, on 6 items"));
  EXPECT_THAT(html, HasSubstr("would have shown"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));

  const auto browser = Browser::Find();
  if (browser == nullptr) GTEST_SKIP() << "there is no Chromium: apt install chromium";
  for (const int width : {390, 1280}) {
    SCOPED_TRACE(width);
    const Json seen = browser->Ask(html, width, R"(
      const q = s => [...document.querySelectorAll(s)];
      const shown = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
      result = {
        width: document.documentElement.clientWidth,
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        sections: q('h2').map(e => e.textContent),
        dead_links: q('nav a').filter(e => !document.querySelector(e.getAttribute('href'))).length,
        csv: [...new Set(q('a[href$=".csv"]').map(e => e.getAttribute('href')))],
        figures: q('figure svg').filter(shown).length,
        unlabelled: q('figure').filter(e => !e.querySelector('[aria-label]')).length,
        points: q('figure svg circle, figure svg path').length,
        cells: q('figure svg rect title').length,
        wide: q('figure:not(.wide) svg').filter(e =>
            e.getBoundingClientRect().right > e.closest('figure').getBoundingClientRect().right).length,
        small_text: q('p, li, td').filter(e => shown(e) && parseFloat(getComputedStyle(e).fontSize) < 13).length,
        beside: new Set(q('figure').map(e => e.getBoundingClientRect().left)).size,
        tables: q('table tbody tr').length,
        empty_cells: q('td').filter(e => e.textContent === '').length,
      })");
    EXPECT_EQ(seen["width"], width);
    EXPECT_EQ(seen["overflow"], 0) << "the page scrolls sideways";
    EXPECT_THAT(seen["sections"].get<std::vector<std::string>>(),
                ::testing::ElementsAre("In short", "Accuracy against rate", "Layers by rate",
                                       "Noise and codecs at the same bound",
                                       "Error-bounded and quantized at the same bytes", "Router",
                                       "Inside", "Failures", "Contrasts"));
    EXPECT_EQ(seen["dead_links"], 0);
    EXPECT_GE(seen["figures"].get<int>(), 14);
    EXPECT_EQ(seen["unlabelled"], 0);
    EXPECT_GT(seen["points"].get<int>(), 100);
    EXPECT_GE(seen["cells"].get<int>(), 11 * 16 + 18) << "of heat maps";
    EXPECT_EQ(seen["wide"], 0) << "a figure leaves its frame";
    EXPECT_EQ(seen["small_text"], 0);
    EXPECT_EQ(seen["empty_cells"], 0);
    EXPECT_GT(seen["tables"].get<int>(), 40);
    EXPECT_EQ(seen["beside"], width < 600 ? 1 : 2) << "columns of figures";
    for (const Json& file : seen["csv"]) {
      EXPECT_TRUE(FileExists(out_ + "/" + file.get<std::string>())) << file;
    }
    // Its head says the size; a picture of nothing would be a few kilobytes.
    const std::string picture = browser->Screenshot(html, width, 3000);
    ASSERT_GT(picture.size(), 50000u);
    const auto big_endian = [&](size_t at) {
      int value = 0;
      for (size_t i = 0; i < 4; ++i) value = value * 256 + static_cast<uint8_t>(picture[at + i]);
      return value;
    };
    EXPECT_EQ(picture.substr(1, 3), "PNG");
    EXPECT_EQ(big_endian(16), width);
    EXPECT_EQ(big_endian(20), 3000);
  }
}

TEST_F(ReportTest, MistakesGetOneLineEach) {
  ExpectFailure("study report " + dir_.Path("none.toml") + " -o " + dir_.Path("o"), 1,
                {"none.toml"});
  ExpectFailure("study report x.toml", 2, {"--output"});
  const std::string study = Study("s", Screen("\"1\""));
  ExpectFailure("study report " + study + " -o " + dir_.Path("o"), 1, {"s.sqlite", "study run"});
}

}  // namespace
}  // namespace ebb
