#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "text/utf8.h"
#include "tokenizer_files.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::unique_ptr<Tokenizer> Load(const Json& json) {
  auto tokenizer = LoadJson(json);
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().ToString();
  return tokenizer ? *std::move(tokenizer) : nullptr;
}

std::vector<int32_t> Encode(const Json& json, std::string_view text, bool special = false) {
  return Load(json)->Encode(text, special).value();
}

TEST(JsonTokenizer, NamesTokensAndTheirIds) {
  const auto tokenizer = Load(SmallTokenizerJson());
  EXPECT_EQ(tokenizer->vocab_size(), 10);
  EXPECT_EQ(tokenizer->IdOf("ab"), 4);
  EXPECT_EQ(tokenizer->IdOf("<s>"), 9);
  EXPECT_EQ(tokenizer->IdOf("nope"), std::nullopt);
  EXPECT_TRUE(tokenizer->IsSpecial(9));
  EXPECT_FALSE(tokenizer->IsSpecial(4));
  EXPECT_FALSE(tokenizer->IsSpecial(99));
  EXPECT_EQ(tokenizer->Piece(9), "<s>");
  EXPECT_EQ(tokenizer->Piece(-1), "");
  EXPECT_EQ(tokenizer->Piece(10), "");
  EXPECT_GT(tokenizer->memory_bytes(), 0u);
}

TEST(JsonTokenizer, EmptyTextAndTextOfSpecialTokensOnly) {
  EXPECT_THAT(Encode(SmallTokenizerJson(), ""), IsEmpty());
  EXPECT_THAT(Encode(SmallTokenizerJson(), "<s><s>"), ElementsAre(9, 9));
}

TEST(JsonTokenizer, BrokenUtf8IsEncodedAsItsReplacement) {
  Json json = SmallTokenizerJson();
  json["model"]["vocab"]["�"] = 9;
  json["added_tokens"] = Json::array();
  EXPECT_THAT(Encode(json, "a\xff\xe4\xb8z"), ElementsAre(0, 9, 9));
}

TEST(JsonTokenizer, DecodeLeavesOutWhatIsNoTokenAndSpecialsOnRequest) {
  const auto tokenizer = Load(SmallTokenizerJson());
  const std::vector<int32_t> ids = {9, 4, -5, 1000, 2, 9};
  EXPECT_EQ(tokenizer->Decode(ids, false), "<s>abc<s>");
  EXPECT_EQ(tokenizer->Decode(ids, true), "abc");
  EXPECT_EQ(tokenizer->Decode({}, false), "");
}

TEST(JsonTokenizer, TemplateAddsTokensOnlyWhenAsked) {
  Json json = SmallTokenizerJson();
  json["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "end", "type_id": 0}}],
    "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [9], "tokens": ["<s>"]},
                                   "end": {"id": "end", "ids": [1, 2], "tokens": ["b", "c"]}}})");
  EXPECT_THAT(Encode(json, "a", true), ElementsAre(9, 0, 1, 2));
  EXPECT_THAT(Encode(json, "", true), ElementsAre(9, 1, 2));
  EXPECT_THAT(Encode(json, "a", false), ElementsAre(0));
}

TEST(AddedTokens, TheLeftmostLongestWins) {
  Json json = SmallTokenizerJson();
  json["added_tokens"].push_back(AddedTokenJson(10, "<s>a"));
  json["added_tokens"].push_back(AddedTokenJson(11, "s>ab"));
  EXPECT_THAT(Encode(json, "<s>ab<s>"), ElementsAre(10, 1, 9));
}

TEST(AddedTokens, FlagsTakeSpacesAndGuardWords) {
  Json json = SmallTokenizerJson();
  Json left = AddedTokenJson(10, "L");
  left["lstrip"] = true;
  Json right = AddedTokenJson(11, "R");
  right["rstrip"] = true;
  Json word = AddedTokenJson(12, "W");
  word["single_word"] = true;
  json["added_tokens"] = {json["added_tokens"][0], left, right, word};
  EXPECT_THAT(Encode(json, "a  L a R  a"), ElementsAre(0, 10, 3, 0, 3, 11, 0));
  EXPECT_THAT(Encode(json, "a R  L a"), ElementsAre(0, 3, 11, 10, 3, 0));
  EXPECT_THAT(Encode(json, "aW Wé W (W)a"), ElementsAre(0, 3, 7, 3, 12, 3, 12, 0));
}

TEST(AddedTokens, NormalizedOnesAreFoundInTheNormalizedText) {
  Json json = SmallTokenizerJson();
  json["normalizer"] = {{"type", "Lowercase"}};
  Json normalized = AddedTokenJson(10, "Yes");
  normalized["normalized"] = true;
  normalized["special"] = true;
  json["added_tokens"].push_back(normalized);
  EXPECT_THAT(Encode(json, "aYESyesB"), ElementsAre(0, 10, 10, 1));
  EXPECT_THAT(Encode(json, "<S>"), IsEmpty());  // <s> is not normalised, and so not found
  // Decoded as it is found; and, as its text is no special token's, never skipped.
  EXPECT_EQ(Load(json)->Decode(std::vector<int32_t>{0, 10}, true), "ayes");
}

TEST(AddedTokens, AMillionSpacesBetweenTokensThatStripThemTakeAMoment) {
  Json json = SmallTokenizerJson();
  Json space = AddedTokenJson(9, "  ");
  space["rstrip"] = true;
  space["lstrip"] = true;
  json["added_tokens"] = {space};
  EXPECT_EQ(Encode(json, std::string(1'000'000, ' ')).size(), 500'000u);
}

TEST(Metaspace, FirstMeansTheStartOfTheInput) {
  Json json = SmallTokenizerJson();
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_THAT(Encode(json, "a<s>a"), ElementsAre(8, 0, 9, 0));
  EXPECT_THAT(Encode(json, "<s>a"), ElementsAre(9, 0));
  EXPECT_THAT(Encode(json, " a a"), ElementsAre(8, 0, 8, 0));
  json["normalizer"] = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}};
  EXPECT_THAT(Encode(json, "  a "), ElementsAre(0));  // what starts the input was stripped
}

Json WithDecoder(const char* decoder) {
  Json json = SmallTokenizerJson();
  json["added_tokens"] = Json::array();
  json["model"]["vocab"] = {{"▁a", 0}, {"<0xE4>", 1}, {"<0xB8>", 2}, {"<0xAD>", 3}, {"<0xFF>", 4},
                            {"he", 5}, {"h", 6},      {"e", 7},      {"▁", 8},      {"ee", 9}};
  json["model"]["merges"] = Json::array();
  json["decoder"] = Json::parse(decoder);
  return json;
}

// Streams `ids` and checks that the parts joined are what Decode gives.
std::string Stream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  const auto stream = tokenizer.MakeStreamDecoder(false);
  std::string text;
  for (const int32_t id : ids) text += stream->Push(id) + "|";
  text += stream->Finish();
  return text;
}

TEST(Decoder, ByteFallbackGivesWholeCharactersAsTheyCome) {
  const auto tokenizer = Load(WithDecoder(R"({"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})"));
  EXPECT_EQ(Stream(*tokenizer, {0, 1, 2, 3, 0}), "a|||中| a|");
  EXPECT_EQ(Stream(*tokenizer, {8, 0, 1, 2}), "| a|||��");
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{0, 1, 2, 3, 0}, false), "a中 a");
  // A run with a broken byte is broken as a whole; the stream had already given its character.
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{1, 2, 3, 4, 5}, false), "����he");
  EXPECT_EQ(Stream(*tokenizer, {1, 2, 3, 4, 5}), "||中||�he|");
  EXPECT_EQ(tokenizer->Piece(0), " a");
  EXPECT_EQ(tokenizer->Piece(1), "\xE4");
}

TEST(Decoder, FusedStagesWorkAcrossTokens) {
  const auto tokenizer = Load(WithDecoder(R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
      {"type": "Replace", "pattern": {"String": "he"}, "content": "X"},
      {"type": "Strip", "content": "e", "start": 2, "stop": 3}]})"));
  const std::vector<int32_t> ids = {7, 9, 6, 7, 6, 6, 9, 8, 7, 9, 9};
  EXPECT_EQ(tokenizer->Decode(ids, false), "eXhXe▁ee");
  std::string streamed = Stream(*tokenizer, ids);
  std::erase(streamed, '|');
  EXPECT_EQ(streamed, "eXhXe▁ee");
}

TEST(Decoder, StripTakesNoMoreThanThereIs) {
  const auto tokenizer =
      Load(WithDecoder(R"({"type": "Strip", "content": "e", "start": 1, "stop": 2})"));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{7, 9, 5, 6}, false), "hh");
}

TEST(Decoder, MetaspaceDropsTheFirstTokensSpace) {
  const auto tokenizer =
      Load(WithDecoder(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"})"));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{0, 0, 8, 7}, false), "a a e");
  EXPECT_EQ(Stream(*tokenizer, {0, 0, 8, 7}), "a| a| |e|");
}

TEST(Decoder, NoneJoinsTokensBySpaces) {
  const auto tokenizer = Load(WithDecoder("null"));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{6, 7, 99, 5}, false), "h e he");
}

TEST(Decoder, ByteLevelReplacesBrokenBytesAndTakesOtherTokensAsTheyAre) {
  Json json = SmallTokenizerJson();
  json["decoder"] =
      Json::parse(R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false})");
  json["model"]["vocab"] = {{"ä¸", 0}, {"Ń", 1}, {"Ġx", 2}, {"中", 3}};  // E4 B8; AD; " x"
  json["model"]["merges"] = Json::array();
  json["added_tokens"] = Json::array();
  const auto tokenizer = Load(json);
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{0, 1, 2, 3}, false), "中 x中");
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{1, 0, 2, 0}, false), "�� x�");
  EXPECT_EQ(Stream(*tokenizer, {0, 1, 2, 0}), "|中| x||�");
  EXPECT_EQ(tokenizer->Piece(0), "\xE4\xB8");
}

TEST(SpecialIds, AreReadFromTheFilesThatNameThem) {
  Files files = {
      {"tokenizer.json", SmallTokenizerJson().dump()},
      {"tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": {"content": "b"}})"},
      {"generation_config.json", R"({"eos_token_id": [2, 9]})"},
      {"config.json", R"({"eos_token_id": 2})"}};
  const auto tokenizer = LoadTokenizer(files).value();
  EXPECT_EQ(tokenizer->bos_id(), 9);
  EXPECT_THAT(tokenizer->eos_ids(), ElementsAre(2, 9, 1));

  files["tokenizer_config.json"] = R"({"bos_token": null})";
  files["generation_config.json"] = R"({"eos_token_id": null})";
  files.erase("config.json");
  const auto without = LoadTokenizer(files).value();
  EXPECT_EQ(without->bos_id(), std::nullopt);
  EXPECT_THAT(without->eos_ids(), IsEmpty());
}

TEST(SpecialIds, MistakesInTheFilesAreNamed) {
  const Files base = {{"tokenizer.json", SmallTokenizerJson().dump()}};
  const auto error = [&](const char* name, const char* content) {
    Files files = base;
    files[name] = content;
    return LoadError(files);
  };
  EXPECT_EQ(error("tokenizer_config.json", R"({"eos_token": "</s>"})"),
            "tokenizer_config.json: \"eos_token\" is \"</s>\", which is not a token");
  EXPECT_EQ(error("tokenizer_config.json", R"({"bos_token": 1})"),
            "tokenizer_config.json: \"bos_token\" is not a string");
  EXPECT_EQ(error("generation_config.json", R"({"eos_token_id": ["x"]})"),
            "generation_config.json: \"eos_token_id\" is not a token id");
  EXPECT_EQ(error("config.json", R"({"eos_token_id": -1})"),
            "config.json: \"eos_token_id\" is not a token id");
  EXPECT_THAT(error("config.json", "{"), HasSubstr("config.json: bad JSON"));
  EXPECT_THAT(error("tokenizer_config.json", "[]"), HasSubstr("not a JSON object"));
}

TEST(Tokenizer, OneIsSharedByThreads) {
  const auto tokenizer = Load(SmallTokenizerJson());
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "abc ab bc<s>";
  const std::vector<int32_t> expected = tokenizer->Encode(text, false).value();
  std::vector<std::thread> threads;
  std::array<bool, 4> equal{};
  for (size_t i = 0; i < equal.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto ids = tokenizer->Encode(text, false);
      equal[i] = ids.has_value() && *ids == expected && tokenizer->Decode(*ids, false) == text;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(equal, ElementsAre(true, true, true, true));
}

}  // namespace
}  // namespace ebb
