// A study on the shipped model that takes a moment: a few items, short answers.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "study/inputs.h"
#include "study/store.h"
#include "study/study_file.h"
#include "testing/temp_dir.h"

namespace ebb {

inline std::string ShippedModel() { return std::string(EBB_SOURCE_DIR) + "/models/ebb-arith"; }

// `experiments` is TOML behind the data set "arith".
inline std::string SmallStudyText(const std::string& experiments, int items = 6,
                                  int new_tokens = 12) {
  return fmt::format(
      "version = 1\nmodel = \"{0}\"\ndatabase = \"study.sqlite\"\n\n[[data]]\nname = \"arith\"\n"
      "task = \"arith\"\nfile = \"{0}/heldout.jsonl\"\nlimit = {1}\nnew_tokens = {2}\nbatch = 4\n"
      "kl_items = 5\n{3}",
      ShippedModel(), items, new_tokens, experiments);
}

inline constexpr char kSmallExperiments[] = R"toml(
[[experiment]]
name = "groups"
data = "arith"
measure = ["kl", "inside", "accuracy"]
codecs = ["noise:normal"]
bounds = ["rel:0.8"]
layers = ["1-5", "7-11"]
experts = ["top2"]
seeds = [1, 2]
compare = "layers"

[[experiment]]
name = "null"
data = "arith"
measure = ["kl", "accuracy"]
inject = [["ebb:fast,lossless"]]
compare = "null"
)toml";

inline StudyInputs LoadStudy(const std::string& path) {
  auto file = ReadStudyFile(path);
  EXPECT_TRUE(file.has_value()) << file.error().ToString();
  auto inputs = LoadStudyInputs(std::move(*file));
  EXPECT_TRUE(inputs.has_value()) << inputs.error().ToString();
  return std::move(*inputs);
}

inline std::string HashOf(const std::string& database) {
  const auto opened = OpenStudyDatabase(database);
  EXPECT_TRUE(opened.has_value()) << opened.error().ToString();
  return ContentHash(**opened).value();
}

}  // namespace ebb
