// Every malformed tokenizer.json names the error that it must give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer_files.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

// The error of the small tokenizer after a JSON patch (RFC 6902) of one step.
std::string Patched(const char* op, const char* path, const char* value = "null") {
  const Json step = {{"op", op}, {"path", path}, {"value", Json::parse(value)}};
  return LoadError(SmallTokenizerJson().patch(Json::array({step})));
}
std::string With(const char* path, const char* value) { return Patched("add", path, value); }

ErrorCode CodeWith(const char* path, const char* value) {
  const Json step = {{"op", "add"}, {"path", path}, {"value", Json::parse(value)}};
  const auto tokenizer = LoadJson(SmallTokenizerJson().patch(Json::array({step})));
  EXPECT_FALSE(tokenizer.has_value());
  return tokenizer ? ErrorCode::kIo : tokenizer.error().code;
}

TEST(RejectTokenizerJson, TheUnchangedFileIsGood) {
  EXPECT_EQ(LoadError(SmallTokenizerJson()), "");
}

TEST(RejectTokenizerJson, NoTokenizerAtAll) {
  EXPECT_EQ(LoadError(Files{{"config.json", "{}"}}),
            "no tokenizer: neither tokenizer.json nor tiktoken.model is there");
}

TEST(RejectTokenizerJson, BadJson) {
  const auto error = [](std::string text) { return LoadError(Files{{"tokenizer.json", text}}); };
  EXPECT_THAT(error(""), HasSubstr("tokenizer.json: bad JSON at byte"));
  EXPECT_THAT(error("{\"model\": {\"vocab\": {\"a\": 1"), HasSubstr("bad JSON at byte"));
  EXPECT_THAT(error("{\"a\": \"\xff\"}"), HasSubstr("bad JSON"));
  EXPECT_THAT(error("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error("{}"), HasSubstr("\"model\" is not an object"));
  EXPECT_THAT(error("{\"version\": \"1.0\", \"version\": \"1.0\"}"), HasSubstr("occurs twice"));
  EXPECT_THAT(error(std::string(100, '[')), HasSubstr("nested deeper than 64 levels"));
}

TEST(RejectTokenizerJson, UnknownKeysAndVersionsAreRefusedByName) {
  EXPECT_EQ(With("/surprise", "1"), "tokenizer.json: unknown key \"surprise\"");
  EXPECT_EQ(With("/version", "\"2.0\""), "tokenizer.json: version \"2.0\"");
  EXPECT_EQ(With("/model/surprise", "1"), "tokenizer.json: model: unknown key \"surprise\"");
  EXPECT_EQ(With("/added_tokens/0/surprise", "1"),
            "tokenizer.json: added_tokens[0]: unknown key \"surprise\"");
  EXPECT_EQ(CodeWith("/surprise", "1"), ErrorCode::kUnsupported);
}

TEST(RejectTokenizerJson, UnknownComponentsAreRefusedByName) {
  EXPECT_EQ(With("/model/type", "\"Unigram\""),
            "tokenizer.json: model: model \"Unigram\" is not supported");
  EXPECT_EQ(With("/normalizer", R"({"type": "Precompiled"})"),
            "tokenizer.json: normalizer: normalizer \"Precompiled\" is not supported");
  EXPECT_EQ(With("/normalizer",
                 R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Nmt"}]})"),
            "tokenizer.json: normalizer.normalizers[1]: normalizer \"Nmt\" is not supported");
  EXPECT_EQ(With("/pre_tokenizer", R"({"type": "UnicodeScripts"})"),
            "tokenizer.json: pre_tokenizer: pre-tokenizer \"UnicodeScripts\" is not supported");
  EXPECT_EQ(With("/decoder", R"({"type": "CTC"})"),
            "tokenizer.json: decoder: decoder \"CTC\" is not supported");
  EXPECT_EQ(With("/post_processor", R"({"type": "BertProcessing"})"),
            "tokenizer.json: post_processor: post-processor \"BertProcessing\" is not supported");
  EXPECT_EQ(CodeWith("/decoder", R"({"type": "CTC"})"), ErrorCode::kUnsupported);
}

TEST(RejectTokenizerJson, WrongTypes) {
  EXPECT_EQ(With("/model", "[]"), "tokenizer.json: \"model\" is not an object");
  EXPECT_EQ(With("/model/vocab", "[]"), "tokenizer.json: model: \"vocab\" is missing");
  EXPECT_EQ(With("/model/merges", "{}"), "tokenizer.json: model: \"merges\" is missing");
  EXPECT_EQ(With("/model/vocab/a", "\"0\""),
            "tokenizer.json: model.vocab: an id is not an integer");
  EXPECT_EQ(With("/model/vocab/a", "0.5"), "tokenizer.json: model.vocab: an id is not an integer");
  EXPECT_THAT(With("/model/vocab/a", "{}"), HasSubstr("hold no objects"));
  EXPECT_THAT(With("/model/vocab/a", "[]"), HasSubstr("a list where there can be none"));
  EXPECT_EQ(With("/model/fuse_unk", "1"),
            "tokenizer.json: model: \"fuse_unk\" is not true or false");
  EXPECT_EQ(With("/model/unk_token", "1"), "tokenizer.json: model: \"unk_token\" is not a string");
  EXPECT_EQ(With("/added_tokens", "{}"), "tokenizer.json: \"added_tokens\" is not a list");
  EXPECT_EQ(With("/added_tokens/0", "7"), "tokenizer.json: added_tokens[0]: not a JSON object");
  EXPECT_EQ(With("/added_tokens/0/special", "1"),
            "tokenizer.json: added_tokens[0]: \"special\" is not true or false");
  EXPECT_EQ(With("/normalizer", "\"NFC\""), "tokenizer.json: normalizer: not a JSON object");
  EXPECT_EQ(With("/normalizer", "{}"), "tokenizer.json: normalizer: \"type\" is missing");
  EXPECT_EQ(With("/truncation", "5"), "tokenizer.json: \"truncation\" is not an object");
  EXPECT_EQ(With("/pre_tokenizer", R"({"type": "Sequence", "pretokenizers": 1})"),
            "tokenizer.json: pre_tokenizer: \"pretokenizers\" is not a list");
}

TEST(RejectTokenizerJson, OptionsThatWouldChangeTheTokensAreRefused) {
  EXPECT_EQ(With("/model/dropout", "0.1"), "tokenizer.json: model: \"dropout\" is set");
  EXPECT_EQ(With("/model/continuing_subword_prefix", "\"##\""),
            "tokenizer.json: model: \"continuing_subword_prefix\" is set");
  EXPECT_EQ(With("/model/end_of_word_suffix", "\"</w>\""),
            "tokenizer.json: model: \"end_of_word_suffix\" is set");
  EXPECT_EQ(With("/model/end_of_word_suffix", "\"\""), "");
  EXPECT_EQ(With("/model/dropout", "0.0"), "");
  EXPECT_EQ(CodeWith("/model/dropout", "0.1"), ErrorCode::kUnsupported);
}

TEST(RejectTokenizerJson, VocabulariesWithHolesOrRepeatedIds) {
  EXPECT_EQ(
      With("/model/vocab/abc", "9"),
      "tokenizer.json: model.vocab: token \"abc\" has id 9; the ids of 9 tokens must be 0 to 8, "
      "without holes");
  EXPECT_THAT(With("/model/vocab/abc", "-1"), HasSubstr("has id -1"));
  EXPECT_THAT(With("/model/vocab/abc", "99999999999999999999"),
              HasSubstr("an id is not an integer"));
  EXPECT_THAT(With("/model/vocab/abc", "18446744073709551615"), HasSubstr("has id -1"));
  EXPECT_EQ(With("/model/vocab/abc", "5"),
            "tokenizer.json: model.vocab: tokens \"abc\" and \"bc\" have the same id 5");
  EXPECT_THAT(With("/model/vocab/~1", "3"), HasSubstr("tokens \" \" and \"/\" have the same id"));
  EXPECT_EQ(Patched("remove", "/model/vocab"), "tokenizer.json: model: \"vocab\" is missing");
}

TEST(RejectTokenizerJson, TheSameTokenTwice) {
  std::string text = SmallTokenizerJson().dump();
  text.insert(text.find("\"ab\":4"), "\"a\":9,");
  EXPECT_THAT(LoadError(Files{{"tokenizer.json", text}}), HasSubstr("are the same token"));
}

TEST(RejectTokenizerJson, Merges) {
  EXPECT_EQ(With("/model/merges/0", R"(["a", "x"])"),
            "tokenizer.json: model: merges[0]: \"x\" is not in the vocabulary");
  EXPECT_EQ(With("/model/merges/0", R"(["c", "a"])"),
            "tokenizer.json: model: merges[0]: \"ca\" is not in the vocabulary");
  for (const char* merge : {R"(["a"])", R"("ab")", R"("a b c")", "7", "null", "[1, 2]"}) {
    EXPECT_EQ(With("/model/merges/0", merge),
              "tokenizer.json: model.merges[0] is neither \"a b\" nor [\"a\", \"b\"]")
        << merge;
  }
  EXPECT_THAT(With("/model/merges/0", R"(["a", "b", "c"])"), HasSubstr("] is neither"));
  EXPECT_THAT(With("/model/merges/0", "{}"), HasSubstr("hold no objects"));
}

TEST(RejectTokenizerJson, AddedTokens) {
  EXPECT_EQ(
      With("/added_tokens/0/id", "12"),
      "tokenizer.json: added_tokens[0]: the token \"<s>\" has id 12, but it is the vocabulary's "
      "9 or comes twice");
  EXPECT_THAT(With("/added_tokens/0/content", "\"ab\""), HasSubstr("\"ab\" has id 9"));
  EXPECT_THAT(With("/added_tokens/-", AddedTokenJson(9, "<s>").dump().c_str()),
              HasSubstr("comes twice"));
  EXPECT_THAT(With("/added_tokens/0/content", "\"\""), HasSubstr("is empty or the same text"));
  EXPECT_EQ(With("/added_tokens/0/id", "-1"),
            "tokenizer.json: added_tokens[0]: \"id\" is -1; expected 0 to 8388608");
  EXPECT_EQ(Patched("remove", "/added_tokens/0/lstrip"),
            "tokenizer.json: added_tokens[0]: \"lstrip\" is missing");
  Json same = SmallTokenizerJson();
  same["normalizer"] = {{"type", "Lowercase"}};
  for (const auto& [id, text] : {std::pair{10, "Yes"}, {11, "YES"}}) {
    Json token = AddedTokenJson(id, text);
    token["normalized"] = true;
    same["added_tokens"].push_back(token);
  }
  EXPECT_THAT(LoadError(same), HasSubstr("the added token \"YES\" is empty or the same text"));
}

TEST(RejectTokenizerJson, PatternsAndBehaviors) {
  EXPECT_THAT(
      With(
          "/pre_tokenizer",
          R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false})"),
      HasSubstr("tokenizer.json: pre_tokenizer: pattern: a group without its closing"));
  EXPECT_THAT(With("/pre_tokenizer",
                   R"({"type": "Split", "pattern": "x", "behavior": "Isolated", "invert": false})"),
              HasSubstr("\"pattern\" is neither"));
  EXPECT_EQ(
      With(
          "/pre_tokenizer",
          R"({"type": "Split", "pattern": {"String": "x"}, "behavior": "Explode", "invert": false})"),
      "tokenizer.json: pre_tokenizer: split behavior \"Explode\"");
  EXPECT_EQ(With("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "__"})"),
            "tokenizer.json: pre_tokenizer: \"replacement\" is not one character");
  EXPECT_EQ(With("/pre_tokenizer",
                 R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"})"),
            "tokenizer.json: pre_tokenizer: prepend_scheme \"last\"");
  EXPECT_THAT(With("/pre_tokenizer",
                   R"({"type": "Metaspace", "replacement": "_", "add_prefix_space": false})"),
              HasSubstr("\"prepend_scheme\" is not \"never\""));
  EXPECT_THAT(
      With("/normalizer", R"({"type": "Replace", "pattern": {"Regex": "\\1"}, "content": ""})"),
      HasSubstr("\\1 in a pattern"));
}

TEST(RejectTokenizerJson, Decoders) {
  EXPECT_THAT(With("/decoder", R"({"type": "Replace", "pattern": {"Regex": "x"}, "content": ""})"),
              HasSubstr("a Replace decoder without a String pattern"));
  EXPECT_THAT(With("/decoder", R"({"type": "Replace", "pattern": {"String": ""}, "content": ""})"),
              HasSubstr("a Replace decoder of an empty String"));
  EXPECT_THAT(
      With("/decoder",
           R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]})"),
      HasSubstr("decoder.decoders[1]: a ByteFallback decoder after the tokens were fused"));
  EXPECT_THAT(With("/decoder", R"({"type": "Strip", "content": "x", "start": -1, "stop": 0})"),
              HasSubstr("\"start\" is -1"));
}

TEST(RejectTokenizerJson, PostProcessors) {
  const std::string head = R"({"type": "TemplateProcessing", "pair": [], )";
  EXPECT_THAT(
      With("/post_processor",
           (head +
            R"("single": [{"SpecialToken": {"id": "x", "type_id": 0}}], "special_tokens": {}})")
               .c_str()),
      HasSubstr("\"special_tokens\" lacks \"x\""));
  EXPECT_THAT(
      With(
          "/post_processor",
          (head +
           R"("single": [{"SpecialToken": {"id": "x", "type_id": 0}}], "special_tokens": {"x": {"id": "x", "ids": [10], "tokens": ["x"]}}})")
              .c_str()),
      HasSubstr("an id of \"x\" is not below 10"));
  EXPECT_THAT(
      With("/post_processor",
           (head + R"("single": [{"Sequence": {"id": "B", "type_id": 0}}], "special_tokens": {}})")
               .c_str()),
      HasSubstr("sequence \"B\" in \"single\""));
  EXPECT_THAT(With("/post_processor", (head + R"("single": [{}], "special_tokens": {}})").c_str()),
              HasSubstr("not one thing"));
  EXPECT_THAT(With("/post_processor", (head + R"("single": "$A", "special_tokens": {}})").c_str()),
              HasSubstr("\"single\" is not a list"));
}

TEST(RejectTokenizerJson, AbsurdSizes) {
  Json json = SmallTokenizerJson();
  json["model"]["vocab"] = {{std::string(70'000, 'x'), 0}};
  json["model"]["merges"] = Json::array();
  EXPECT_THAT(LoadError(json), HasSubstr("the token of id 0 has 70000 bytes"));
  json["model"]["vocab"] = {{"", 0}};
  EXPECT_THAT(LoadError(json), HasSubstr("the token of id 0 is empty"));
  // A normalizer that makes a text larger and larger ends in an error, not in an exhausted memory.
  Json grows = SmallTokenizerJson();
  const Json longer = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(2000, 'a')}};
  grows["normalizer"] = {{"type", "Sequence"}, {"normalizers", {longer, longer, longer}}};
  EXPECT_THAT(LoadJson(grows).value()->Encode("aaa", false).error().ToString(),
              HasSubstr("the text is longer than"));
}

}  // namespace
}  // namespace ebb
