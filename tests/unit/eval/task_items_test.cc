// Reading the items of a task, and telling loops.
#include "eval/task_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "eval/accuracy.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

Result<std::vector<TaskItem>> Parse(std::string_view text, Task task, int64_t limit = 0) {
  return ParseTaskItems(text, "file", task, AnswerFormat::kBoxed, limit);
}

TEST(TaskItemsTest, ReadsEveryKindOfRow) {
  const auto items = Parse(R"({"prompt": "P", "answer": 5, "format": "hash", "id": "a"}

{"question": "Q", "answer": "1 + 2 = <<1+2=3>>3\n#### 3"}
{"problem": "M", "solution": "It is \\boxed{7}."}
)",
                           Task::kGsm8k)
                         .value();
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].id, "a");
  EXPECT_EQ(items[0].gold, "5");
  EXPECT_EQ(items[0].format, AnswerFormat::kHash);
  EXPECT_TRUE(items[0].asks_format);
  EXPECT_EQ(items[1].id, "3") << "the line";
  EXPECT_EQ(items[1].solution, "1 + 2 = 3\n#### 3");
  EXPECT_EQ(items[1].format, AnswerFormat::kBoxed);
  EXPECT_FALSE(items[1].asks_format);
  EXPECT_THAT(items[2].gold, HasSubstr("boxed{7}"));
  EXPECT_EQ(Parse("{\"text\": \"T\"}", Task::kKl).value()[0].text, "T");
  EXPECT_EQ(Parse("{\"text\": \"T\"}\nnonsense", Task::kKl, 1).value().size(), 1u);
}

TEST(TaskItemsTest, LargeAnswersKeepTheirDigits) {
  const auto items = Parse(R"({"prompt": "P", "answer": 12345678901234567890123})", Task::kArith);
  ASSERT_TRUE(items.has_value());
  EXPECT_EQ((*items)[0].gold, "12345678901234567890123");
}

TEST(TaskItemsTest, NamesLineAndField) {
  const auto error = [](std::string_view text, Task task = Task::kMath) {
    const auto items = Parse(text, task);
    EXPECT_FALSE(items.has_value()) << text;
    return items ? "" : items.error().ToString();
  };
  EXPECT_THAT(error("\n{\"prompt\""), HasSubstr("file:2"));
  EXPECT_THAT(error("[]"), HasSubstr("file:1"));
  EXPECT_THAT(error("{\"text\": \"T\"}"), HasSubstr("\"problem\""));
  EXPECT_THAT(error("{\"text\": \"\"}", Task::kKl), HasSubstr("text"));
  EXPECT_THAT(error("{\"question\": \"Q\"}"), HasSubstr("answer"));
  EXPECT_THAT(error("{\"question\": 3, \"answer\": 1}"), HasSubstr("question"));
  EXPECT_THAT(error("{\"prompt\": \"Q\"}"), HasSubstr("no answer"));
  EXPECT_THAT(error("{\"prompt\": \"Q\", \"answer\": 1, \"format\": \"xml\"}"),
              HasSubstr("format"));
  EXPECT_THAT(error("\n\n"), HasSubstr("no items"));
}

// Found before any model is opened, not in the middle of a run.
TEST(TaskItemsTest, AGoldAnswerThatIsNoneIsNamedByLineAndField) {
  const auto error = [](std::string_view text) {
    const auto items = Parse(text, Task::kMath);
    EXPECT_TRUE(items.has_value()) << items.error().ToString();
    const Status gold = CheckGold(*items);
    return gold ? "" : gold.error().ToString();
  };
  EXPECT_EQ(error("{\"problem\": \"M\", \"solution\": \"It is \\\\boxed{7}.\"}\n"
                  "{\"prompt\": \"P\", \"answer\": 5}\n"),
            "");
  const std::string prose = "\"First we add the apples. Then we take away the pears.\"}\n";
  EXPECT_THAT(error("{\"prompt\": \"P\", \"answer\": 5}\n\n"
                    "{\"prompt\": \"P\", \"answer\": " +
                    prose),
              HasSubstr("file:3: answer: it has several sentences"));
  EXPECT_THAT(error("{\"problem\": \"M\", \"solution\": " + prose),
              HasSubstr("file:1: solution: "));
}

TEST(LoopingTest, NeedsFourRepetitions) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 200; ++i) tokens.push_back(i);
  EXPECT_FALSE(IsLooping(tokens));
  for (int repetition = 0; repetition < 3; ++repetition) {
    for (int32_t i = 0; i < 20; ++i) tokens.push_back(i + 500);
  }
  EXPECT_FALSE(IsLooping(tokens));
  for (int32_t i = 0; i < 20; ++i) tokens.push_back(i + 500);
  EXPECT_TRUE(IsLooping(tokens));
  EXPECT_FALSE(IsLooping(std::vector<int32_t>(31, 4)));
  EXPECT_TRUE(IsLooping(std::vector<int32_t>(32, 4)));
  EXPECT_FALSE(IsLooping({}));
}

TEST(FailureTest, EachWrongOutputHasOneSignature) {
  // pia, ica, empty, looping, truncated
  EXPECT_EQ(ClassifyFailure(true, true, false, true, true), Failure::kNone);
  EXPECT_EQ(ClassifyFailure(false, false, true, false, true), Failure::kSilence);
  EXPECT_EQ(ClassifyFailure(true, false, false, true, true), Failure::kLooping);
  EXPECT_EQ(ClassifyFailure(true, false, false, false, true), Failure::kTruncated);
  EXPECT_EQ(ClassifyFailure(true, false, false, false, false), Failure::kFormatViolation);
  EXPECT_EQ(ClassifyFailure(false, false, false, false, false), Failure::kReasoningCollapse);
  std::set<std::string_view> names;
  for (int kind = 0; kind < kFailureKinds; ++kind) {
    names.insert(FailureName(static_cast<Failure>(kind)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kFailureKinds));
}

TEST(ItemSeedTest, DependsOnSeedAndIdAlone) {
  EXPECT_EQ(ItemSeed(1, "a"), ItemSeed(1, "a"));
  EXPECT_NE(ItemSeed(1, "a"), ItemSeed(2, "a"));
  EXPECT_NE(ItemSeed(1, "a"), ItemSeed(1, "b"));
  EXPECT_NE(ItemSeed(1, "1/a"), ItemSeed(11, "a"));
}

}  // namespace
}  // namespace ebb
