// Study files: what they mean, and that every mistake is named by line and field.
#include "study/study_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/cells.h"
#include "study/preset.h"
#include "study/small_study.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string WithExperiment(const std::string& lines) {
  return "version = 1\nmodel = \"m\"\ndatabase = \"d.sqlite\"\n[[data]]\nname = \"a\"\n"
         "task = \"arith\"\nfile = \"x.jsonl\"\n[[experiment]]\nname = \"E\"\ndata = \"a\"\n" +
         lines;
}

std::string ErrorOf(const std::string& text) {
  const auto study = ParseStudyFile(text, "dir/s.toml");
  return study ? "" : study.error().ToString();
}

ModelConfig SmallModel() {
  ModelConfig config;
  config.num_layers = 4;
  config.moe.first_dense_layers = 1;
  config.moe.num_experts = 8;
  config.moe.experts_per_token = 2;
  return config;
}

TEST(StudyFileTest, ReadsWhatItDocuments) {
  const auto study = ParseStudyFile(
      WithExperiment("codecs = [\"noise:normal\"]\nbounds = [\"rel:0.5\"]\nlayers = [\"1\"]\n"
                     "experts = [\"top1\"]\nseeds = [3, 4]\nmeasure = [\"inside\"]\n"
                     "where = \"steps >= 3\"\ncompare = \"layers\"\n"),
      "dir/s.toml");
  ASSERT_TRUE(study.has_value()) << study.error().ToString();
  EXPECT_EQ(study->model, "dir/m");
  EXPECT_EQ(study->model_written, "m");
  EXPECT_EQ(study->data[0].file_written, "x.jsonl");
  EXPECT_EQ(study->database, "dir/d.sqlite");
  EXPECT_EQ(study->data[0].file, "dir/x.jsonl");
  EXPECT_EQ(study->data[0].new_tokens, 160);
  const ExperimentSpec& experiment = study->experiments[0];
  EXPECT_TRUE(experiment.kl && experiment.inside && !experiment.accuracy);
  EXPECT_THAT(experiment.seeds, ElementsAre(3, 4));
  EXPECT_EQ(experiment.compare, Contrast::kLayers);
  EXPECT_TRUE(experiment.where->Accepts(R"({"steps": 3})"));
  EXPECT_FALSE(experiment.where->Accepts(R"({"steps": 2})"));
  EXPECT_FALSE(experiment.where->Accepts(R"({"steps": "3"})"));
}

TEST(StudyFileTest, MistakesAreNamedByLineAndField) {
  struct Case {
    const char* text;
    const char* place;
    const char* problem;
  };
  const std::string codecs = "codecs = [\"noise:normal\"]\n";
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"version = 1\nmodel = \n", {"line 2"}},
      {"version = 2\n", {"line 1, version", "reads version 1"}},
      {"model = \"m\"\n", {"version", "missing"}},
      {"version = 1\nmodel = 3\n", {"line 2, model", "text in quotation marks"}},
      {"version = 1\nmodel = \"m\"\ndatabase = \"d\"\nspeed = 3\n", {"line 4, speed", "no such"}},
      {"version = 1\nmodel = \"m\"\ndatabase = \"d\"\n[[data]]\nname = \"a\"\ntask = \"sums\"\n",
       {"line 6, data \"a\", task", "\"sums\" is no task"}},
      {"version = 1\nmodel = \"m\"\ndatabase = \"d\"\ndata = 3\n", {"line 4, data", "[[data]]"}},
      {WithExperiment(codecs + "measure = [\"speed\"]\n"),
       {"line 12, experiment \"E\", measure", "\"speed\" is no measure"}},
      {WithExperiment(codecs + "seeds = [1, 1]\n"), {"line 12, experiment \"E\", seeds"}},
      {WithExperiment(codecs + "seeds = [-1]\n"), {"line 12", "none negative"}},
      {WithExperiment(codecs + "seeds = [1, 2, 3]\ncompare = \"seeds\"\n"), {"seeds", "even"}},
      {WithExperiment(codecs + "seeds = [1, 2]\ncompare = \"seeds\"\n"), {"seeds", "at least 4"}},
      {WithExperiment(codecs + "compare = \"apples\"\n"), {"line 12", "compare", "no comparison"}},
      {WithExperiment(codecs + "where = \"steps = 3\"\n"), {"line 12", "where", "steps >= 3"}},
      {WithExperiment("layers = [\"1\"]\n"), {"experiment \"E\", codecs", "name a codec"}},
      {WithExperiment("inject = [[]]\n"), {"line 11", "inject", "empty"}},
      {WithExperiment("inject = [3]\n"), {"line 11", "inject"}},
      {WithExperiment(codecs + "rate = 3\n"), {"line 12, experiment \"E\", rate", "no such field"}},
      {WithExperiment(codecs) + "[[experiment]]\nname = \"E\"\ndata = \"a\"\n" + codecs,
       {"line 12, experiment \"E\", name", "twice"}},
      {WithExperiment(codecs) + "[[experiment]]\nname = \"F\"\ndata = \"b\"\n" + codecs,
       {"experiment \"F\", data", "no data set \"b\""}},
  };
  for (const auto& [text, parts] : cases) {
    const std::string error = ErrorOf(text);
    EXPECT_THAT(error, HasSubstr("dir/s.toml")) << text;
    for (const std::string& part : parts) EXPECT_THAT(error, HasSubstr(part)) << text;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(CellsTest, SeedsAreComparedOnlyOfWhatTheyChange) {
  const auto study = ParseStudyFile(
      WithExperiment("codecs = [\"noise:normal\", \"ebb:fast\"]\nbounds = [\"rel:0.5\"]\n"
                     "seeds = [1, 2, 3, 4]\ncompare = \"seeds\"\n"),
      "s.toml");
  ASSERT_TRUE(study.has_value()) << study.error().ToString();
  const auto cells = ExpandCells(*study, SmallModel());
  ASSERT_FALSE(cells.has_value());
  EXPECT_THAT(cells.error().ToString(), HasSubstr("ebb:fast,rel:0.5 draws no random numbers"));
}

TEST(CellsTest, EveryCombinationOnceAndSeedsOnlyWhereTheyMatter) {
  const auto study = ParseStudyFile(
      WithExperiment("codecs = [\"noise:normal\", \"ebb:fast\"]\nbounds = [\"rel:0.5\"]\n"
                     "layers = [\"1\", \"2-3\"]\nseeds = [1, 2]\nmeasure = [\"accuracy\"]\n"
                     "[[experiment]]\nname = \"F\"\ndata = \"a\"\ncodecs = [\"noise:normal\"]\n"
                     "bounds = [\"rel:0.5\"]\nlayers = [\"1\"]\nseeds = [2, 3]\n"),
      "s.toml");
  ASSERT_TRUE(study.has_value());
  const auto cells = ExpandCells(*study, SmallModel());
  ASSERT_TRUE(cells.has_value()) << cells.error().ToString();
  std::vector<std::string> keys;
  for (const Cell& cell : cells->cells) keys.push_back(cell.key);
  EXPECT_THAT(keys, ElementsAre("a", "a | noise:normal,rel:0.5,layers=1,seed=1",
                                "a | noise:normal,rel:0.5,layers=1,seed=2",
                                "a | noise:normal,rel:0.5,layers=2-3,seed=1",
                                "a | noise:normal,rel:0.5,layers=2-3,seed=2",
                                "a | ebb:fast,rel:0.5,layers=1", "a | ebb:fast,rel:0.5,layers=2-3",
                                "a | noise:normal,rel:0.5,layers=1,seed=3"));
  // What both experiments name is measured for both.
  EXPECT_TRUE(cells->cells[2].kl && cells->cells[2].accuracy);
  EXPECT_TRUE(!cells->cells[1].kl && cells->cells[1].accuracy);
  EXPECT_TRUE(cells->cells[7].kl && !cells->cells[7].accuracy);
  EXPECT_EQ(cells->cells[3].layers, "2-3");
  EXPECT_EQ(cells->cells[3].rate, 0.5);
  EXPECT_EQ(cells->cells[3].Label(), "noise:normal,rel:0.5,layers=2-3");
  ASSERT_EQ(cells->experiments[0].size(), 6u);
  EXPECT_EQ(cells->experiments[0][1].arm, 0);
  EXPECT_EQ(cells->experiments[0][4].arm, 2);
  EXPECT_EQ(cells->experiments[0][4].against, 0);
  EXPECT_EQ(cells->experiments[0][5].against, 1);
  EXPECT_FALSE(cells->experiments[0][0].against.has_value());
}

TEST(CellsTest, WhatDoesNotFitTheModelIsNamedByLineAndField) {
  const std::string grid = "codecs = [\n  \"rtn4\",\n  \"ebb:fast\",\n]\n";  // lines 11 to 14
  struct Case {
    std::string lines, place, problem;
  };
  const std::vector<Case> cases = {
      {"codecs = [\"nose\"]\nbounds = [\"rel:1\"]\n", "11, codecs", "\"nose\" is no codec"},
      {"codecs = [\"nose\"]\nbounds = [\"one\"]\n", "11, codecs", "\"nose\" is no codec"},
      {"codecs = [\"noise:normal\"]\n", "11, codecs", "needs a bound"},
      {grid, "13, codecs", "needs a bound"},
      {grid + "bounds = [\"rel:1\", \n\"rel:x\"]\n", "16, bounds", "rel:x"},
      {"codecs = [\"randomise\"]\nbounds = [\"rel:1\"]\n", "12, bounds", "takes no bound"},
      {grid + "bounds = [\"rel:1\"]\nlayers = [\"1\",\n\"99\"]\n", "17, layers", "layer 99"},
      {"codecs = [\"rtn4\"]\nlayers = [\"0\"]\n", "12, layers", "layer 0 has no routed experts"},
      {"layers = [\"1-\"]\nexperts = [\"some\"]\ncodecs = [\"rtn4\"]\n", "11, layers", "=1-"},
      {"codecs = [\"rtn4\"]\nlayers = [\"9\"]\nexperts = [\"some\"]\n", "13, experts", "=some"},
      {"codecs = [\"rtn4\"]\nlayers = [\"1\"]\nexperts = [\"8\"]\n", "13, experts", "expert 8"},
      {"codecs = [\"rtn4\"]\nexperts = [\"all\", \"top9\"]\n", "12, experts", "9 experts"},
      {"inject = [[\"rtn4,experts=9\"]]\n", "11, inject", "no expert 9"},
      {"inject = [[\"rtn4\"],\n[\"rtn4\",\n\"rtn5\"]]\n", "13, inject", "rtn5"},
  };
  for (const auto& [lines, place, problem] : cases) {
    SCOPED_TRACE(lines);
    const auto study = ParseStudyFile(WithExperiment(lines), "s.toml");
    ASSERT_TRUE(study.has_value()) << study.error().ToString();
    const auto cells = ExpandCells(*study, SmallModel());
    ASSERT_FALSE(cells.has_value());
    const std::string error = cells.error().ToString();
    const size_t comma = place.find(", ");
    EXPECT_THAT(error, HasSubstr("s.toml, line " + place.substr(0, comma) + ", experiment \"E\"" +
                                 place.substr(comma) + ": "));
    EXPECT_THAT(error, HasSubstr(problem));
  }
}

TEST(PresetTest, LayersAreScaledToTheModelsDepth) {
  std::vector<int64_t> small;
  std::vector<int64_t> paper;
  for (const int64_t layer : {1, 10, 13, 18, 20, 26}) {
    small.push_back(ScaledLayer(layer, 1, 11));
    paper.push_back(ScaledLayer(layer, 1, 26));
  }
  EXPECT_THAT(small, ElementsAre(1, 5, 6, 8, 9, 11));
  EXPECT_THAT(paper, ElementsAre(1, 10, 13, 18, 20, 26));
  EXPECT_EQ(ScaledLayer(26, 0, 1), 0);
}

TEST(PresetTest, PathsMayHoldAnything) {
  TempDir dir;
  std::filesystem::create_directories(dir.Path("a \"b\" \\c\t"));
  const std::string model = dir.Path("a \"b\" \\c\t/model");
  std::filesystem::create_directory_symlink(ShippedModel(), model);
  PresetOptions options;
  options.model = model;
  options.data = model + "/heldout.jsonl";
  options.study_path = dir.Path("my \"study\".toml");
  const auto text = PaperPreset(options);
  ASSERT_TRUE(text.has_value()) << text.error().ToString();
  const auto file = ParseStudyFile(*text, options.study_path);
  ASSERT_TRUE(file.has_value()) << file.error().ToString();
  EXPECT_EQ(file->model, model);
  EXPECT_EQ(file->data[0].file, options.data);
  EXPECT_EQ(file->database, dir.Path("my \"study\".sqlite"));
}

TEST(PresetTest, ThePaperOnTheShippedModelIsAStudy) {
  PresetOptions options;
  options.model = ShippedModel();
  options.data = ShippedModel() + "/heldout.jsonl";
  options.study_path = ShippedModel() + "/s.toml";
  const auto text = PaperPreset(options);
  ASSERT_TRUE(text.has_value()) << text.error().ToString();
  auto file = ParseStudyFile(*text, options.study_path);
  ASSERT_TRUE(file.has_value()) << file.error().ToString() << *text;
  std::vector<std::string> names;
  for (const ExperimentSpec& experiment : file->experiments) names.push_back(experiment.name);
  for (const char* name : {"AA", "AA-seeds", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "map",
                           "codecs", "bytes-rtn4", "bytes-rtn3", "screen", "screen-experts"}) {
    EXPECT_THAT(names, ::testing::Contains(name));
  }
  const auto inputs = LoadStudyInputs(std::move(*file));
  ASSERT_TRUE(inputs.has_value()) << inputs.error().ToString();
  EXPECT_GT(inputs->cells.cells.size(), 300u);
}

}  // namespace
}  // namespace ebb
