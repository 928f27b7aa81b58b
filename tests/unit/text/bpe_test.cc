#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "text/bpe_merge.h"
#include "text/bpe_model.h"
#include "text/vocabulary.h"
#include "tokenizer_files.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct RandomRules {
  std::map<std::pair<int32_t, int32_t>, Merge> merges;
  bool Find(const Symbol& left, const Symbol& right, Merge* merge) const {
    const auto found = merges.find({left.id, right.id});
    if (found == merges.end()) return false;
    *merge = found->second;
    return true;
  }
};

std::vector<int32_t> IdsOf(const MergeScratch& scratch) {
  std::vector<int32_t> ids;
  for (const Symbol& symbol : scratch.symbols) ids.push_back(symbol.id);
  return ids;
}

// The definition, step by step: the lowest rank, the leftmost of equals.
std::vector<int32_t> MergeNaively(const RandomRules& rules, std::vector<int32_t> ids) {
  while (true) {
    Merge best;
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = rules.merges.find({ids[i], ids[i + 1]});
      if (found != rules.merges.end() && found->second.rank < best.rank) {
        best = found->second;
        at = i;
      }
    }
    if (best.rank == Merge().rank) return ids;
    ids[at] = best.id;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
}

TEST(BpeMerge, FewAndManyEqualTheDefinitionOnRandomRules) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    RandomRules rules;
    const int32_t alphabet = 2 + static_cast<int32_t>(random() % 4);
    int32_t next_id = alphabet;
    std::vector<uint32_t> ranks;
    for (uint32_t i = 0; i < 60; ++i) ranks.push_back(i);
    std::shuffle(ranks.begin(), ranks.end(), random);
    for (const uint32_t rank : ranks) {
      const auto any = [&] {
        return static_cast<int32_t>(random() % static_cast<uint32_t>(next_id));
      };
      const std::pair<int32_t, int32_t> pair{any(), any()};
      if (rules.merges.contains(pair)) continue;
      rules.merges[pair] = {rank, next_id++};
    }
    MergeScratch few;
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < 1 + random() % 80; ++i) {
      const int32_t id = static_cast<int32_t>(random() % static_cast<uint32_t>(alphabet));
      few.symbols.push_back({id, i, i + 1});
      ids.push_back(id);
    }
    MergeScratch many = few;
    MergeFew(rules, &few);
    MergeMany(rules, &many);
    const std::vector<int32_t> expected = MergeNaively(rules, ids);
    ASSERT_EQ(IdsOf(few), expected);
    ASSERT_EQ(IdsOf(many), expected);
  }
}

std::vector<int32_t> Encode(const Json& json, std::string_view text) {
  const auto tokenizer = LoadJson(json);
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().ToString();
    return {};
  }
  const auto ids = (*tokenizer)->Encode(text, false);
  if (!ids) ADD_FAILURE() << ids.error().ToString();
  return ids.value_or(std::vector<int32_t>());
}

TEST(BpeModel, MergesByRankWhicheverWayTheyAreWritten) {
  EXPECT_THAT(Encode(SmallTokenizerJson(), "abc"), ElementsAre(6));
  EXPECT_THAT(Encode(SmallTokenizerJson(), "bcabc"), ElementsAre(5, 6));
  Json json = SmallTokenizerJson();
  json["model"]["merges"] = {"b c", "#version: 0.2", "a b"};
  EXPECT_THAT(Encode(json, "abc"), ElementsAre(0, 5));
}

TEST(BpeModel, CharactersWithoutATokenAreDropped) {
  EXPECT_THAT(Encode(SmallTokenizerJson(), "axb中c"), ElementsAre(6));
}

TEST(BpeModel, UnknownCharactersBecomeTheUnknownTokenFusedOrNot) {
  Json json = SmallTokenizerJson();
  json["model"]["vocab"]["<unk>"] = 9;
  json["added_tokens"] = Json::array();
  json["model"]["unk_token"] = "<unk>";
  EXPECT_THAT(Encode(json, "xyaxyb"), ElementsAre(9, 9, 0, 9, 9, 1));
  json["model"]["fuse_unk"] = true;
  EXPECT_THAT(Encode(json, "xyaxyb"), ElementsAre(9, 0, 9, 1));
}

TEST(BpeModel, AnUnknownTokenThatIsMissingFailsOnlyWhenItIsNeeded) {
  Json json = SmallTokenizerJson();
  json["model"]["unk_token"] = "<unk>";
  const auto tokenizer = LoadJson(json);
  ASSERT_TRUE(tokenizer.has_value());
  EXPECT_TRUE((*tokenizer)->Encode("abc", false).has_value());
  EXPECT_THAT((*tokenizer)->Encode("x", false).error().ToString(),
              HasSubstr("unknown token \"<unk>\""));
}

TEST(BpeModel, ByteFallbackNeedsAllBytesOfACharacter) {
  Json json = SmallTokenizerJson();
  json["added_tokens"] = Json::array();
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"]["<0xE4>"] = 9;
  json["model"]["vocab"]["<0xB8>"] = 10;
  json["model"]["vocab"]["<0xAD>"] = 11;
  EXPECT_THAT(Encode(json, "a中b"), ElementsAre(0, 9, 10, 11, 1));
  EXPECT_THAT(Encode(json, "a丮b"), ElementsAre(4));  // E4 B8 AE: dropped, so a and b meet
}

TEST(BpeModel, IgnoreMergesTakesAWholeWordThatIsAToken) {
  Json json = SmallTokenizerJson();
  json["model"]["merges"] = Json::array();
  EXPECT_THAT(Encode(json, "abc"), ElementsAre(0, 1, 2));
  json["model"]["ignore_merges"] = true;
  EXPECT_THAT(Encode(json, "abc"), ElementsAre(6));
}

TEST(BpeModel, AWordOfAMillionBytesTakesAMoment) {
  std::string word;
  for (int i = 0; i < 500'000; ++i) word += "ab";
  EXPECT_EQ(Encode(SmallTokenizerJson(), word).size(), 500'000u);
}

TEST(Vocabulary, FindsEveryTokenAndNoOther) {
  Vocabulary vocabulary;
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(vocabulary.Append(fmt::format("t{}", i), "f").has_value());
  }
  ASSERT_TRUE(vocabulary.BuildIndex("f").has_value());
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(vocabulary.Find(fmt::format("t{}", i)), i);
    EXPECT_EQ(vocabulary.TokenOf(i), fmt::format("t{}", i));
  }
  for (const std::string_view absent : {"", "t", "t5000", "T1", "t00000001"}) {
    EXPECT_EQ(vocabulary.Find(absent), kNoToken);
  }
  EXPECT_EQ(Vocabulary().Find("a"), kNoToken);
}

TEST(Vocabulary, EmptyAndRepeatedAndHugeTokensAreCorrupt) {
  Vocabulary vocabulary;
  EXPECT_THAT(vocabulary.Append("", "f").error().ToString(), HasSubstr("is empty"));
  EXPECT_THAT(vocabulary.Append(std::string(70'000, 'a'), "f").error().ToString(),
              HasSubstr("70000 bytes"));
  ASSERT_TRUE(vocabulary.Append("a", "f").has_value());
  ASSERT_TRUE(vocabulary.Append("a", "f").has_value());
  EXPECT_THAT(vocabulary.BuildIndex("f").error().ToString(), HasSubstr("ids 0 and 1"));
}

// What docs and reports say about memory: a vocabulary of 163,840 tokens of 7 bytes and as many
// merges.
TEST(BpeModel, AVocabularyOf163840TokensHoldsLessThan8MiB) {
  Vocabulary vocabulary;
  for (int i = 0; i < 163'840; ++i) {
    ASSERT_TRUE(vocabulary.Append(fmt::format("{:07}", i), "f").has_value());
  }
  ASSERT_TRUE(vocabulary.BuildIndex("f").has_value());
  EXPECT_LT(vocabulary.memory_bytes(), 3u << 20);
  const BpeModel model(std::move(vocabulary), MergeTable(163'840), {});
  EXPECT_LT(model.memory_bytes(), 8u << 20);
}

}  // namespace
}  // namespace ebb
