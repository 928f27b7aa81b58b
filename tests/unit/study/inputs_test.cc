// What a study takes as its model and its data.
#include "study/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "study/small_study.h"

namespace ebb {
namespace {

std::string HashOfModel(const std::string& path, uint64_t* bytes) {
  const auto hash = HashModel(path, bytes);
  EXPECT_TRUE(hash.has_value()) << hash.error().ToString();
  return hash.value_or("");
}

// Plans and compressed files are written beside the checkpoint that they come from.
TEST(HashModelTest, OnlyWhatTheModelIsCounts) {
  TempDir dir;
  const std::string model = dir.Path("m");
  std::filesystem::copy(ShippedModel(), model);
  uint64_t bytes = 0;
  const std::string hash = HashOfModel(model, &bytes);
  for (const char* name : {"plan.json", "x.ebb", "old.safetensors", "model.safetensors.index.json",
                           "other.model", "notes.jinja"}) {
    dir.Write(std::string("m/") + name, "{}");
    uint64_t now = 0;
    EXPECT_EQ(HashOfModel(model, &now), hash) << name;
    EXPECT_EQ(now, bytes) << name;
  }
  for (const char* name : {"tokenizer_config.json", "chat_template.jinja", "config.json"}) {
    const std::string path = model + "/" + name;
    const std::string text = FileExists(path) ? ReadTextFile(path, 1 << 20).value() : "";
    dir.Write(std::string("m/") + name, text + "\n");
    EXPECT_NE(HashOfModel(model, &bytes), hash) << name;
    std::filesystem::remove(path);
    if (!text.empty()) dir.Write(std::string("m/") + name, text);
    EXPECT_EQ(HashOfModel(model, &bytes), hash) << name;
  }
}

// Databases know their model by it.
TEST(HashModelTest, OfTheShippedModelIsWhatItWas) {
  uint64_t bytes = 0;
  EXPECT_EQ(HashOfModel(ShippedModel(), &bytes), "86f9ab74aa2ec268");
}

// Where answers are graded, each row's must be one; where only divergence is measured, nobody asks.
TEST(StudyDataTest, AGoldAnswerThatIsNoneIsFoundWhenTheFileIsRead) {
  TempDir dir;
  dir.Write("d.jsonl",
            "{\"prompt\": \"1+1=\", \"solution\": \"2\", \"answer\": 2}\n"
            "{\"prompt\": \"2+1=\", \"solution\": \"First we add one and two. Then we take it "
            "all away.\"}\n");
  const auto load = [&](const std::string& measure) {
    const std::string text = fmt::format(
        "version = 1\nmodel = \"{}\"\ndatabase = \"d.sqlite\"\n[[data]]\nname = \"d\"\ntask = "
        "\"arith\"\nfile = \"d.jsonl\"\n[[experiment]]\nname = \"E\"\ndata = \"d\"\ncodecs = "
        "[\"rtn4\"]\nmeasure = [\"{}\"]\n",
        ShippedModel(), measure);
    const auto inputs = LoadStudyInputs(ReadStudyFile(dir.Write("s.toml", text)).value());
    return inputs ? "" : inputs.error().ToString();
  };
  EXPECT_THAT(load("accuracy"), ::testing::HasSubstr("d.jsonl:2: solution: "));
  EXPECT_EQ(load("kl"), "");
}

}  // namespace
}  // namespace ebb
