// Prompts: the built-in texts, templates and examples from files, and their mistakes.
#include "eval/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/byte_tokenizer.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kChat[] =
    R"({"chat_template": "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</>{% endfor %})"
    R"({% if add_generation_prompt %}<assistant>{% endif %}"})";

TaskItem Item(const std::string& question, const std::string& solution, bool asks = false) {
  TaskItem item;
  item.id = "i";
  item.question = question;
  item.solution = solution;
  item.asks_format = asks;
  item.format = AnswerFormat::kHash;
  return item;
}

class PromptTest : public ::testing::Test {
 protected:
  PromptMaker Maker(const std::string& texts, std::vector<TaskItem> shots = {}, bool chat = false) {
    SideFiles files;
    if (chat) files["tokenizer_config.json"] = kChat;
    auto maker = PromptMaker::Create(files, tokenizer_, true,
                                     ParsePromptTemplate(texts, "t.json").value(), shots);
    EXPECT_TRUE(maker.has_value()) << maker.error().ToString();
    return std::move(*maker);
  }
  static std::string Text(std::span<const int32_t> ids) { return {ids.begin(), ids.end()}; }

  const ByteTokenizer tokenizer_{256};
};

TEST_F(PromptTest, AnEmptyTemplateIsTheBuiltInOne) {
  const PromptMaker maker = Maker("{}");
  const ItemTokens own = maker.Make(Item("2+2?", "4", true)).value();
  EXPECT_EQ(own.prompt, "Question: 2+2?\nAnswer:");
  EXPECT_EQ(Text(own.solution_ids), " 4");
  EXPECT_EQ(maker.Make(Item("2+2?", "4")).value().prompt,
            "Question: 2+2?\n" + std::string(FormatInstruction(AnswerFormat::kHash)) + "\nAnswer:");
  EXPECT_THAT(maker.stops(), ElementsAre("\nQuestion:"));
}

TEST_F(PromptTest, ATemplateChangesWhatItNames) {
  const PromptMaker maker = Maker(
      R"({"system": "S", "question": "{question}  {instruction}!", "plain": "Q {question} A",
          "answer": "={answer}.", "separator": "|", "instructions": {"hash": "use \\boxed{}"},
          "stops": ["Q "]})",
      {Item("1+1?", "2")});
  EXPECT_EQ(maker.Make(Item("2+2?", "4")).value().prompt,
            "S|Q 1+1?  use \\boxed{}! A=2.|Q 2+2?  use \\boxed{}! A");
  const ItemTokens own = maker.Make(Item("{instruction}?", "4", true)).value();
  EXPECT_EQ(own.prompt, "S|Q 1+1?  use \\boxed{}! A=2.|Q {instruction}?! A")
      << "a question's own braces are no places; no instruction, no space before it";
  EXPECT_EQ(Text(own.solution_ids), "=4.");
  EXPECT_THAT(maker.stops(), ElementsAre("Q "));
}

TEST_F(PromptTest, ExamplesAreTurnsOfAChat) {
  const PromptMaker maker = Maker(R"({"system": "S"})", {Item("1+1?", "2", true)}, true);
  const ItemTokens tokens = maker.Make(Item("2+2?", "4", true)).value();
  EXPECT_EQ(tokens.prompt, "<system>S</><user>1+1?</><assistant>2</><user>2+2?</><assistant>");
  EXPECT_EQ(Text(tokens.solution_ids), "4</>");
  EXPECT_TRUE(maker.stops().empty());
}

TEST_F(PromptTest, MistakesAreNamed) {
  const auto expect = [](const char* text, const char* where, const char* message) {
    const auto read = ParsePromptTemplate(text, "t.json");
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_THAT(read.error().ToString(), HasSubstr(where)) << text;
    EXPECT_THAT(read.error().ToString(), HasSubstr(message)) << text;
  };
  expect("[]", "t.json", "object");
  expect(R"({"prompt": "x"})", "t.json: prompt", "there are: system");
  expect(R"({"question": "Q"})", "t.json: question", "{question}");
  expect(R"({"plain": "Q"})", "t.json: plain", "{question}");
  expect(R"({"answer": ""})", "t.json: answer", "{answer}");
  expect(R"({"system": 3})", "t.json", "system");
  expect(R"({"instructions": {"xml": "x"}})", "xml", "boxed, hash and json");
  expect(R"({"stops": ["a", ""]})", "t.json: stops", "list of texts");
  expect(R"({"stops": "a"})", "t.json: stops", "list of texts");
  const auto without =
      PromptMaker::Create({}, tokenizer_, true, PromptTemplate{}, {Item("1+1?", "")});
  ASSERT_FALSE(without.has_value());
  EXPECT_THAT(without.error().ToString(), HasSubstr("example i"));
}

}  // namespace
}  // namespace ebb
