#include "text/tiktoken_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer_files.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<uint8_t>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      text.push_back(at + i <= bytes.size() ? kAlphabet[group >> (18 - 6 * i) & 63] : '=');
    }
  }
  return text;
}

// All bytes, then "ab", " a", "abc".
std::string SmallModel() {
  std::string model;
  int rank = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const char token = static_cast<char>(byte);
    model += fmt::format("{} {}\n", Base64(std::string_view(&token, 1)), rank++);
  }
  for (const char* token : {"ab", " a", "abc"}) {
    model += fmt::format("{} {}\n", Base64(token), rank++);
  }
  return model;
}

constexpr const char* kConfig = R"({"added_tokens_decoder": {
    "259": {"content": "[BOS]", "special": true}, "260": {"content": "[EOS]"},
    "261": {"content": "<think>", "special": false}},
  "bos_token": "[BOS]", "eos_token": "[EOS]", "tokenizer_class": "TikTokenTokenizer"})";

Files SmallFiles() {
  return {{"tiktoken.model", SmallModel()}, {"tokenizer_config.json", kConfig}};
}

std::string ErrorWith(const char* name, const std::string& content) {
  Files files = SmallFiles();
  files[name] = content;
  return LoadError(files);
}

TEST(Tiktoken, MergesByRankAndTakesWholeWordsAtOnce) {
  const auto tokenizer = LoadTokenizer(SmallFiles()).value();
  EXPECT_THAT(tokenizer->Encode("abc", true).value(), ElementsAre(258));
  EXPECT_THAT(tokenizer->Encode("abcab", true).value(), ElementsAre(258, 256));
  EXPECT_THAT(tokenizer->Encode("b ab", true).value(), ElementsAre('b', ' ', 256));
  EXPECT_THAT(tokenizer->Encode("\xff", true).value(), ElementsAre(0xEF, 0xBF, 0xBD));
}

TEST(Tiktoken, SpecialTokensAreNamedByTheConfigOrByTheirId) {
  const auto tokenizer = LoadTokenizer(SmallFiles()).value();
  EXPECT_EQ(tokenizer->vocab_size(), 259 + 258);
  EXPECT_THAT(tokenizer->Encode("[BOS]abc<|reserved_token_262|>[EOS]", false).value(),
              ElementsAre(259, 258, 262, 260));
  EXPECT_EQ(tokenizer->IdOf("[EOS]"), 260);
  EXPECT_EQ(tokenizer->IdOf("abc"), 258);
  EXPECT_EQ(tokenizer->IdOf("abd"), std::nullopt);
  EXPECT_EQ(tokenizer->bos_id(), 259);
  EXPECT_THAT(tokenizer->eos_ids(), ElementsAre(260));
  EXPECT_TRUE(tokenizer->IsSpecial(262));
  EXPECT_FALSE(tokenizer->IsSpecial(261));
  EXPECT_FALSE(tokenizer->IsSpecial(258));
  EXPECT_FALSE(tokenizer->IsSpecial(600));
  const std::vector<int32_t> ids = {259, 258, 261, -1, 600, 262};
  EXPECT_EQ(tokenizer->Decode(ids, false), "[BOS]abc<think><|reserved_token_262|>");
  EXPECT_EQ(tokenizer->Decode(ids, true), "abc<think>");
}

TEST(Tiktoken, IdsThatTheModelCannotTakeAreLeftOut) {
  Files files = SmallFiles();
  files["config.json"] = R"({"vocab_size": 515})";
  const auto tokenizer = LoadTokenizer(files).value();
  EXPECT_EQ(tokenizer->vocab_size(), 515);
  EXPECT_EQ(tokenizer->IdOf("<|reserved_token_514|>"), 514);
  EXPECT_EQ(tokenizer->IdOf("<|reserved_token_515|>"), std::nullopt);
  files["config.json"] = R"({"vocab_size": 100})";
  EXPECT_THAT(LoadError(files), HasSubstr("\"vocab_size\" is 100, but tiktoken.model has 259"));
}

TEST(Tiktoken, BosAndEosAreAddedOnlyIfTheConfigSaysSo) {
  Files files = SmallFiles();
  Json config = Json::parse(kConfig);
  EXPECT_THAT(LoadTokenizer(files).value()->Encode("abc", true).value(), ElementsAre(258));
  config["add_bos_token"] = true;
  config["add_eos_token"] = true;
  files["tokenizer_config.json"] = config.dump();
  const auto tokenizer = LoadTokenizer(files).value();
  EXPECT_THAT(tokenizer->Encode("abc", true).value(), ElementsAre(259, 258, 260));
  EXPECT_THAT(tokenizer->Encode("abc", false).value(), ElementsAre(258));
}

TEST(Tiktoken, StreamGivesCharactersWhenTheyAreWhole) {
  const auto tokenizer = LoadTokenizer(SmallFiles()).value();
  const auto stream = tokenizer->MakeStreamDecoder(true);
  EXPECT_EQ(stream->Push(0xE4), "");
  EXPECT_EQ(stream->Push(259), "");  // special: skipped
  EXPECT_EQ(stream->Push(0xB8), "");
  EXPECT_EQ(stream->Push(0xAD), "中");
  EXPECT_EQ(stream->Push(258), "abc");
  EXPECT_EQ(stream->Push(0xF0), "");
  EXPECT_EQ(stream->Finish(), "�");
  EXPECT_EQ(tokenizer->Piece(0xE4), "\xE4");
}

TEST(RejectTiktoken, Lines) {
  const std::string model = SmallModel();
  const auto error = [&](std::string text) { return ErrorWith("tiktoken.model", text); };
  EXPECT_EQ(error(""), "tiktoken.model: the byte 0x00 is not a token");
  EXPECT_EQ(error(model.substr(0, model.find("/w== "))),
            "tiktoken.model: the byte 0xFF is not a token");
  EXPECT_EQ(error(model + "YQ== 259\n"), "tiktoken.model: ids 97 and 259 are the same token");
  EXPECT_THAT(error(model + "eHg= 258\n"), HasSubstr("line 260: rank 258 where 259 comes next"));
  EXPECT_THAT(error(model + "eHg= 261\n"), HasSubstr("ranks must not repeat or leave holes"));
  EXPECT_EQ(error(model + "eHg=\n"), "tiktoken.model: line 260: no rank");
  EXPECT_EQ(error(model + "eHg= x\n"), "tiktoken.model: line 260: no rank");
  EXPECT_EQ(error(model + "eHg= 259 1\n"), "tiktoken.model: line 260: no rank");
  EXPECT_EQ(error(model + "eHg= -1\n"),
            "tiktoken.model: line 260: rank -1 where 259 comes next; ranks must not repeat or "
            "leave holes");
  for (const char* bad : {"eHg", "eH*=", "=eHg", "e===", "eHh=", "eR==", "中文"}) {
    EXPECT_EQ(error(model + bad + " 259\n"), "tiktoken.model: line 260: bad base64") << bad;
  }
  EXPECT_THAT(error(model + " 259\n"), HasSubstr("the token of id 259 is empty"));
  EXPECT_EQ(error(model + std::string(100'000, 'A') + " 259\n"),
            "tiktoken.model: line 260: a token of 100000 base64 digits");
  EXPECT_EQ(ReadTiktokenModel(model + "eHg= 259\r\n\n", "f").value().size(), 260);
}

TEST(RejectTiktoken, Config) {
  const auto error = [&](const char* text) { return ErrorWith("tokenizer_config.json", text); };
  EXPECT_THAT(error("{"), HasSubstr("tokenizer_config.json: bad JSON"));
  EXPECT_EQ(error(R"({"added_tokens_decoder": []})"),
            "tokenizer_config.json: \"added_tokens_decoder\" is not an object");
  EXPECT_EQ(error(R"({"added_tokens_decoder": {"5": {"content": "x"}}})"),
            "tokenizer_config.json: added_tokens_decoder[\"5\"]: special ids are 259 to 516");
  EXPECT_THAT(error(R"({"added_tokens_decoder": {"517": {"content": "x"}}})"),
              HasSubstr("259 to 516"));
  EXPECT_THAT(error(R"({"added_tokens_decoder": {"2x": {"content": "x"}}})"),
              HasSubstr("259 to 516"));
  EXPECT_THAT(error(R"({"added_tokens_decoder": {"259": {}}})"),
              HasSubstr("\"content\" is missing"));
  EXPECT_THAT(error(R"({"added_tokens_decoder": {"259": {"content": "x", "lstrip": true}}})"),
              HasSubstr("\"lstrip\" is set"));
  EXPECT_THAT(
      error(R"({"added_tokens_decoder": {"259": {"content": "x"}, "260": {"content": "x"}}})"),
      HasSubstr("\"x\" is empty or the same text"));
  EXPECT_THAT(error(R"({"tokenizer_class": "QWenTokenizer"})"), HasSubstr("\"QWenTokenizer\""));
}

TEST(Tiktoken, AMillionBytesWithoutASpaceTakeAMoment) {
  const auto tokenizer = LoadTokenizer(SmallFiles()).value();
  std::string text;
  for (int i = 0; i < 333'333; ++i) text += "abc";
  // The published class cuts runs after 25,000 characters, here once within an "abc" in three.
  const std::vector<int32_t> ids = tokenizer->Encode(text, false).value();
  EXPECT_EQ(tokenizer->Decode(ids, false), text);
  EXPECT_GT(ids.size(), 333'333u);
  EXPECT_LT(ids.size(), 333'433u);
}

}  // namespace
}  // namespace ebb
