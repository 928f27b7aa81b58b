// What the reference libraries make of the golden texts (tools/goldens/make_tokenizer_goldens.py):
// Hugging Face `tokenizers` for every tokenizer.json, tiktoken for the tiktoken.model, and
// transformers, with Python's Jinja, for the chat templates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "text/chat.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace ebb {
namespace {

using Files = std::map<std::string, std::string>;

std::string GoldenPath(const std::string& name) {
  return std::string(EBB_SOURCE_DIR) + "/tests/golden/text/" + name;
}

std::string ReadGolden(const std::string& name) {
  return ReadTextFile(GoldenPath(name), uint64_t{16} << 20).value();
}

Json ParseGolden(const std::string& name) { return ParseJson(ReadGolden(name), name).value(); }

// The folders, or with an extension the files, of a golden folder, by name.
std::vector<std::string> List(const std::string& folder, const std::string& extension) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GoldenPath(folder))) {
    const bool fits = extension.empty() ? std::filesystem::exists(entry.path() / "cases.json")
                                        : entry.path().extension() == extension;
    if (fits) names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string FromBase64(const std::string& text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<uint32_t>(kAlphabet.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  return bytes;
}

std::vector<std::string> ReadTexts(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& text : list) {
    texts.push_back(text.is_string() ? text.get<std::string>()
                                     : FromBase64(text["base64"].get<std::string>()));
  }
  return texts;
}

std::string Fnv(const std::vector<int32_t>& ids) {
  uint64_t value = 0xCBF29CE484222325u;
  for (const int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      value = (value ^ (static_cast<uint32_t>(id) >> shift & 0xFF)) * 0x100000001B3u;
    }
  }
  return fmt::format("{:016x}", value);
}

std::string StreamAll(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool skip) {
  const auto stream = tokenizer.MakeStreamDecoder(skip);
  std::string text;
  for (const int32_t id : ids) {
    const std::string given = stream->Push(id);
    EXPECT_TRUE(IsValidUtf8(given));
    text += given;
  }
  return text + stream->Finish();
}

void CheckCase(const Tokenizer& tokenizer, const std::string& text, const Json& expected) {
  SCOPED_TRACE(ReplaceInvalidUtf8(text).substr(0, 100));
  const auto plain = tokenizer.Encode(text, false);
  const auto special = tokenizer.Encode(text, true);
  ASSERT_TRUE(plain.has_value()) << plain.error().ToString();
  ASSERT_TRUE(special.has_value()) << special.error().ToString();
  EXPECT_EQ(Json(*plain), expected["ids"]);
  EXPECT_EQ(Json(*special), expected.value("ids_special", expected["ids"]));
  if (!expected.contains("text")) return;
  const std::string skipped = expected.value("text_skip", expected["text"].get<std::string>());
  EXPECT_EQ(tokenizer.Decode(*plain, false), expected["text"].get<std::string>());
  EXPECT_EQ(tokenizer.Decode(*special, true), skipped);
  EXPECT_EQ(StreamAll(tokenizer, *special, true), skipped);
}

// Random ids: the stream gives what Decode gives, unless bytes are broken (tokenizer.h says how
// the two may then differ for byte fallback).
void CheckStreamOfRandomIds(const Tokenizer& tokenizer) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<int32_t> ids(1 + random() % 12);
    for (int32_t& id : ids) {
      id = static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer.vocab_size()));
    }
    for (const bool skip : {false, true}) {
      const std::string text = tokenizer.Decode(ids, skip);
      EXPECT_TRUE(IsValidUtf8(text));
      const std::string streamed = StreamAll(tokenizer, ids, skip);
      const bool is_broken = text.find(kReplacementUtf8) != std::string::npos;
      EXPECT_EQ(is_broken ? text : streamed, text);
    }
  }
}

void CheckAll(const Files& files, const Json& golden) {
  const Json texts = ParseGolden("texts.json");
  const auto loaded = LoadTokenizer(files);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().ToString();
  const Tokenizer& tokenizer = **loaded;
  std::vector<std::string> all = ReadTexts(texts["texts"]);
  for (const std::string& text : ReadTexts(golden.value("texts", Json::array()))) {
    all.push_back(text);
  }
  ASSERT_EQ(golden["cases"].size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) CheckCase(tokenizer, all[i], golden["cases"][i]);

  Json long_texts = texts["long"];
  for (const Json& text : golden.value("long_texts", Json::array())) long_texts.push_back(text);
  for (size_t i = 0; i < golden["long"].size(); ++i) {
    SCOPED_TRACE(long_texts[i].dump());
    std::string text;
    for (int count = 0; count < long_texts[i][1].get<int>(); ++count) {
      text += long_texts[i][0].get<std::string>();
    }
    const auto ids = tokenizer.Encode(text, false);
    ASSERT_TRUE(ids.has_value()) << ids.error().ToString();
    EXPECT_EQ(ids->size(), golden["long"][i]["ids"].get<size_t>());
    EXPECT_EQ(Fnv(*ids), golden["long"][i]["fnv"].get<std::string>());
  }
  CheckStreamOfRandomIds(tokenizer);
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

// One folder each: a trained tokenizer.json, or the tiktoken.model.
class TrainedTokenizer : public ::testing::TestWithParam<std::string> {
 protected:
  Files ReadFiles() const {
    Files files;
    for (const auto& entry : std::filesystem::directory_iterator(GoldenPath(GetParam()))) {
      const std::string name = entry.path().filename();
      if (name != "cases.json") files[name] = ReadGolden(GetParam() + "/" + name);
    }
    return files;
  }
};

TEST_P(TrainedTokenizer, IdsAndTextsEqualTheReferenceLibrary) {
  CheckAll(ReadFiles(), ParseGolden(GetParam() + "/cases.json"));
}

TEST_P(TrainedTokenizer, EveryTokenOfTheFileHasItsId) {
  const Files files = ReadFiles();
  const auto tokenizer = LoadTokenizer(files).value();
  EXPECT_EQ(tokenizer->IdOf("no such token"), std::nullopt);
  if (!files.contains("tokenizer.json")) return;
  const Json json = ParseGolden(GetParam() + "/tokenizer.json");
  int32_t count = 0;
  for (const auto& [token, id] : json["model"]["vocab"].items()) {
    EXPECT_EQ(tokenizer->IdOf(token), id.get<int32_t>());
    count = std::max(count, id.get<int32_t>() + 1);
  }
  for (const Json& token : json["added_tokens"]) {
    EXPECT_EQ(tokenizer->IdOf(token["content"].get<std::string>()), token["id"].get<int32_t>());
    EXPECT_EQ(tokenizer->IsSpecial(token["id"].get<int32_t>()), token["special"].get<bool>());
    count = std::max(count, token["id"].get<int32_t>() + 1);
  }
  EXPECT_EQ(tokenizer->vocab_size(), count);
}

INSTANTIATE_TEST_SUITE_P(Golden, TrainedTokenizer, ::testing::ValuesIn(List("", "")), NameOf);

// The trained tokenizers with other components in their place.
class TokenizerVariant : public ::testing::TestWithParam<std::string> {};

TEST_P(TokenizerVariant, IdsAndTextsEqualTheReferenceLibrary) {
  const Json golden = ParseGolden("variants/" + GetParam() + ".json");
  Json json = ParseGolden(golden["base"].get<std::string>() + "/tokenizer.json");
  for (const auto& [key, value] : golden["sections"].items()) {
    (key == "model.merges" ? json["model"]["merges"] : json[key]) = value;
  }
  CheckAll({{"tokenizer.json", json.dump()}}, golden);
}

INSTANTIATE_TEST_SUITE_P(Golden, TokenizerVariant, ::testing::ValuesIn(List("variants", ".json")),
                         NameOf);

// Tokenizers that lose nothing: the tokens' own bytes are the text.
TEST(Pieces, OfALosslessTokenizerAreTheText) {
  const std::vector<std::string> texts = ReadTexts(ParseGolden("texts.json")["texts"]);
  for (const std::string name : {"gpt2", "possessive", "moonlight_tiktoken"}) {
    Files files;
    for (const std::string file : {"tokenizer.json", "tiktoken.model", "tokenizer_config.json"}) {
      if (FileExists(GoldenPath(name + "/" + file))) files[file] = ReadGolden(name + "/" + file);
    }
    const auto tokenizer = LoadTokenizer(files).value();
    for (const std::string& text : texts) {
      const std::vector<int32_t> ids = tokenizer->Encode(text, false).value();
      std::string joined;
      for (const int32_t id : ids) joined += tokenizer->Piece(id);
      EXPECT_EQ(joined, ReplaceInvalidUtf8(text)) << name;
    }
  }
}

TEST(SpecialIds, OfMoonlightAreAllThatItsFilesName) {
  Files files;
  for (const std::string file : {"tiktoken.model", "tokenizer_config.json", "config.json"}) {
    files[file] = ReadGolden("moonlight_tiktoken/" + file);
  }
  const auto tokenizer = LoadTokenizer(files).value();
  EXPECT_EQ(tokenizer->bos_id(), tokenizer->IdOf("[BOS]"));
  EXPECT_THAT(tokenizer->eos_ids(),
              ::testing::ElementsAre(*tokenizer->IdOf("<|im_end|>"), *tokenizer->IdOf("[EOS]")));
}

std::vector<ChatMessage> ReadMessages(const Json& conversation) {
  std::vector<ChatMessage> messages;
  for (const Json& message : conversation) {
    messages.push_back({message[0].get<std::string>(), message[1].get<std::string>()});
  }
  return messages;
}

// Renders with the special tokens of the golden file; null where it is an error.
Json RenderOrNull(const Json& golden, const std::string& source, const Json& conversation,
                  bool add_generation_prompt) {
  const Json config = {{"bos_token", golden["bos_token"]},
                       {"eos_token", golden["eos_token"]},
                       {"chat_template", source}};
  const auto chat = ChatTemplate::FromFiles({{"tokenizer_config.json", config.dump()}});
  if (!chat) return nullptr;
  const auto prompt = chat->Render(ReadMessages(conversation), add_generation_prompt);
  return prompt ? Json(*prompt) : Json(nullptr);
}

TEST(ChatTemplates, PromptsEqualTransformers) {
  const Json golden = ParseGolden("chat.json");
  for (const auto& [name, source] : golden["templates"].items()) {
    for (size_t i = 0; i < golden["conversations"].size(); ++i) {
      SCOPED_TRACE(fmt::format("{} conversation {}", name, i));
      for (const bool generate : {false, true}) {
        EXPECT_EQ(RenderOrNull(golden, source, golden["conversations"][i], generate),
                  golden["prompts"][name][i][generate ? 1 : 0]);
      }
    }
  }
}

TEST(ChatTemplates, TheLanguageWritesWhatPythonsJinjaWrites) {
  const Json golden = ParseGolden("chat.json");
  for (const Json& entry : golden["language"]) {
    SCOPED_TRACE(entry["template"].dump());
    EXPECT_EQ(RenderOrNull(golden, entry["template"], golden["conversations"][3], false),
              entry["text"]);
  }
}

}  // namespace
}  // namespace ebb
