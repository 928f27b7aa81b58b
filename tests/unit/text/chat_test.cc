#include "text/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/json.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

const std::array<ChatMessage, 2> kMessages = {{{"user", "a"}, {"assistant", "b"}}};

Result<std::string> Render(const std::string& source) {
  auto chat = ChatTemplate::FromFiles({{"chat_template.jinja", source}});
  if (!chat) return tl::unexpected(chat.error());
  return chat->Render(kMessages, true);
}
std::string ErrorOf(const std::string& source) {
  const auto text = Render(source);
  return text ? "no error: " + text->substr(0, 100) : text.error().ToString();
}

TEST(Chat, TheTemplateIsTakenFromItsFileOrTheConfig) {
  const std::string config =
      R"({"chat_template": "config {{ bos_token }}", "bos_token": {"content": "<s>"}})";
  const auto render = [&](std::map<std::string, std::string> files) {
    return ChatTemplate::FromFiles(files).value().Render(kMessages, false).value();
  };
  EXPECT_EQ(render({{"tokenizer_config.json", config}}), "config <s>");
  EXPECT_EQ(
      render({{"tokenizer_config.json", config}, {"chat_template.jinja", "file {{ bos_token }}"}}),
      "file <s>");
  EXPECT_EQ(render({{"tokenizer_config.json",
                     R"({"chat_template": [{"name": "rag", "template": "r"},
                                           {"name": "default", "template": "d"}]})"}}),
            "d");
}

TEST(Chat, NoTemplateOrNoMessagesOrNoSuchRole) {
  EXPECT_EQ(ChatTemplate::FromFiles({}).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(ChatTemplate::FromFiles({{"tokenizer_config.json", R"({"chat_template": 5})"}})
                  .error()
                  .ToString(),
              HasSubstr("is not a text"));
  EXPECT_EQ(
      ChatTemplate::FromFiles({{"tokenizer_config.json", R"({"chat_template": []})"}}).error().code,
      ErrorCode::kNotFound);
  const auto chat = ChatTemplate::FromFiles({{"chat_template.jinja", "x"}}).value();
  EXPECT_THAT(chat.Render({}, true).error().message, HasSubstr("at least one message"));
  const std::array<ChatMessage, 1> tool = {{{"tool", "x"}}};
  EXPECT_THAT(chat.Render(tool, true).error().message, HasSubstr("not \"tool\""));
}

TEST(Chat, BrokenContentsAreReplaced) {
  const auto chat =
      ChatTemplate::FromFiles({{"chat_template.jinja", "{{ messages[0].content }}"}}).value();
  const std::array<ChatMessage, 1> broken = {{{"user", "a\xff"}}};
  EXPECT_EQ(chat.Render(broken, false).value(), "a�");
}

TEST(Jinja, UnsupportedStatementsAreRefusedWhenTheTemplateIsRead) {
  for (const auto& [source, problem] :
       {std::pair<const char*, const char*>{"{% macro m() %}{% endmacro %}",
                                            "the statement \"macro\""},
        {"{% raw %}{% endraw %}", "the statement \"raw\""},
        {"\n{% generation %}{% endgeneration %}", "line 2: the statement \"generation\""},
        {"{% set x %}y{% endset %}", "this form of set"},
        {"{% for x in y recursive %}{% endfor %}", "a recursive loop"},
        {"{{ 1.5 }}", "a floating-point number"},
        {"{{ '\\x41' }}", "the escape \\x"},
        {"{{ (1, 2) }}", "a tuple"},
        {"{{ 1 < 2 < 3 }}", "a chain of comparisons"},
        {"{{ x[::2] }}", "a slice with a step"}}) {
    EXPECT_EQ(Render(source).error().code, ErrorCode::kUnsupported) << source;
    EXPECT_THAT(ErrorOf(source), HasSubstr(problem));
  }
}

TEST(Jinja, UnsupportedFunctionsAreRefusedOnlyWhereTheyAreReached) {
  EXPECT_EQ(Render("{% if tools %}{{ tools | tojson }}{% endif %}x").value(), "x");
  for (const auto& [source, problem] :
       {std::pair<const char*, const char*>{"{{ messages | tojson }}", "the filter \"tojson\""},
        {"{{ strftime_now('%Y') }}", "the function \"strftime_now\""},
        {"{{ 'a'.upper() }}", "the method \"upper\""},
        {"{{ 'a' is lower }}", "the test \"lower\""},
        {"{{ messages }}", "writing a list"},
        {"{{ 'abc'[1] }}", "a character of a string"},
        {"{% for a, b in messages %}{% endfor %}", "a loop with several names"},
        {"{% for c in 'abc' %}{% endfor %}", "a loop over what is no list"}}) {
    EXPECT_EQ(Render(source).error().code, ErrorCode::kUnsupported) << source;
    EXPECT_THAT(ErrorOf(source), HasSubstr(problem));
  }
}

TEST(Jinja, ErrorsOfTheTemplateCarryItsMessageAndLine) {
  EXPECT_EQ(ErrorOf("a\n{{ raise_exception('roles must alternate') }}"),
            "chat_template.jinja: chat template, line 2: roles must alternate");
  EXPECT_EQ(Render("{{ raise_exception('x') }}").error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(ErrorOf("{{ 'a' + 1 }}"), HasSubstr("cannot be joined"));
}

TEST(Jinja, MalformedTemplatesAreCorrupt) {
  for (const char* source :
       {"{% if %}x{% endif %}", "{% if 1 %}x", "{% for x in %}", "{{ 'a }}", "{{ (1 }}", "{{ 1)}}",
        "{{ 1 ! 2 }}", "{% endif %}", "{# x", "{{", "{{ }}", "{%", "{% %}", "{{ x is }}",
        "{{ x | }}", "{{ x. }}", "{{ [1, }}", "{% set 1 = 2 %}", "\xff"}) {
    ASSERT_FALSE(Render(source).has_value()) << source;
    EXPECT_NE(Render(source).error().code, ErrorCode::kInvalidArgument) << source;
  }
}

TEST(Jinja, HostileTemplatesEndInAnError) {
  const auto repeat = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  EXPECT_THAT(ErrorOf(repeat("{% if 1 %}", 1000)), HasSubstr("nested"));
  EXPECT_THAT(ErrorOf("{{ " + repeat("(", 1000) + "1" + repeat(")", 1000) + "}}"),
              HasSubstr("nested"));
  EXPECT_THAT(ErrorOf("{{ " + repeat("[", 1000) + repeat("]", 1000) + "}}"), HasSubstr("nested"));
  EXPECT_THAT(ErrorOf("{{ " + repeat("not ", 1000) + "1 }}"), HasSubstr("so many not"));
  EXPECT_THAT(ErrorOf("{{ " + repeat("-", 1000) + "1 }}"), HasSubstr("so many signs"));
  EXPECT_THAT(ErrorOf("{{ 1" + repeat(" + 1", 5000) + " }}"), HasSubstr("so long an expression"));
  EXPECT_THAT(ErrorOf("{{ x" + repeat(".x", 5000) + " }}"), HasSubstr("so long an expression"));
  EXPECT_THAT(ErrorOf("{% if 1 %}" + repeat("{% elif 1 %}", 5000) + "{% endif %}"),
              HasSubstr("this deep"));
  const std::string loop = "{% for i in range(99999) %}";
  EXPECT_THAT(ErrorOf(loop + loop + "{% endfor %}{% endfor %}"),
              HasSubstr("does not come to an end"));
  EXPECT_THAT(
      ErrorOf("{% set n = namespace(s='ab') %}" + loop + "{% set n.s = n.s + n.s %}{% endfor %}"),
      HasSubstr("too long"));
  EXPECT_THAT(ErrorOf("{% set n = namespace(s='ab') %}" + loop +
                      "{% set n.s = n.s.replace('a', 'aaaa') %}{% endfor %}"),
              HasSubstr("too long"));
  EXPECT_THAT(
      ErrorOf("{% set n = namespace(l=[1]) %}" + loop + "{% set n.l = n.l + n.l %}{% endfor %}"),
      HasSubstr("too long"));
  EXPECT_THAT(
      ErrorOf("{% set n = namespace(l=[1]) %}" + loop + "{% set n.l = [n.l] %}{% endfor %}"),
      HasSubstr("nested this deep"));
  EXPECT_THAT(ErrorOf("{% set n = namespace() %}{% set n.self = n %}"),
              HasSubstr("a mapping in a namespace"));
  EXPECT_THAT(ErrorOf("{{ range(1000000) | length }}"), HasSubstr("bad arguments for range"));
}

}  // namespace
}  // namespace ebb
