#include "text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/regex_translate.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

// The matches of `pattern` in `text`, joined by "|".
std::string Matches(std::string_view pattern, std::string_view text) {
  const Result<Regex> regex = Regex::Compile(pattern, "f.json");
  if (!regex) return regex.error().ToString();
  RegexMatcher matcher(*regex);
  std::vector<TextRange> matches;
  const Status status = matcher.FindAll(text, &matches);
  if (!status) return status.error().ToString();
  std::string joined;
  for (size_t i = 0; i < matches.size(); ++i) {
    if (i > 0) joined += "|";
    joined += text.substr(matches[i].begin, matches[i].end - matches[i].begin);
  }
  return joined;
}

// What Oniguruma matches (through Hugging Face `tokenizers` 0.23.2), case by case.
TEST(Regex, MeansWhatOnigurumaMeans) {
  EXPECT_EQ(Matches("a{1,3}+", "aaaaaaa"), "aaaaaaa");  // not possessive: (?:a{1,3})+
  EXPECT_EQ(Matches("a{2}?", "aaaaa"), "aa|aa|");       // not lazy: (?:a{2})?
  EXPECT_EQ(Matches("a{,2}", "aaaaa"), "aa|aa|a");
  EXPECT_EQ(Matches("a{1,x}", "a{1,x}"), "a{1,x}");
  EXPECT_EQ(Matches("^b|b$", "a\nb b"), "b|b");
  EXPECT_EQ(Matches("a.b", "a\nb a\rb"), "a\rb");
  EXPECT_EQ(Matches("(?m:a.b)", "a\nb"), "a\nb");
  EXPECT_EQ(Matches("a(?i)b|c", "aB C abc ac"), "aB|ab|ac");
  EXPECT_EQ(Matches("(?i:'s|'T)", "'ſ 'S 't"), "'ſ|'S|'t");
  EXPECT_EQ(Matches("\\h+", "abcxyz\t"), "abc");
  EXPECT_EQ(Matches("a++b|a**", "aaab"), "aaab");
  EXPECT_EQ(Matches("[]a]", "]a"), "]|a");
  EXPECT_EQ(Matches("[a-b-c]", "ab-c"), "a|b|-|c");
  EXPECT_EQ(Matches("\\u4e2d|\\x41|\\x{1F642}|\\t", "中A🙂\t"), "中|A|🙂|\t");
  EXPECT_EQ(Matches("(?>a|ab)c|(?#comment)(?<=a)b(?!d)", "abc abd"), "b");
  EXPECT_EQ(Matches("\\bab\\b", "ab abab ²ab"), "ab");
  EXPECT_EQ(Matches("\\Aa|b\\z", "aabb"), "a|b");
}

TEST(Regex, SpacesAndWordsAreOnigurumas) {
  EXPECT_EQ(Matches("\\s", " \u180E\u3000"), " |\u3000");
  EXPECT_EQ(Matches("\\w", "²a\u0301_Ⅷ½-"), "²|a|\u0301|_|Ⅷ|½");
  EXPECT_EQ(Matches("[\\w]", "²a½"), "a");
  EXPECT_EQ(Matches("\\d", "1٣²"), "1|٣");
}

// PCRE2's own \p{Han} also has what Chinese shares with other scripts.
TEST(Regex, ScriptsAreScriptsAndNotTheirExtensions) {
  EXPECT_EQ(Matches("\\p{Han}+", "中。「々〇、"), "中|々〇");
  EXPECT_EQ(Matches("\\p{Hiragana}|\\p{Latin}", "あーa\u0363"), "あ|a");
}

TEST(Regex, CharactersNewerThanPcre2AreClassified) {
  EXPECT_EQ(Matches("\\p{L}+", "\U00031350\U0002EBF0"), "\U00031350\U0002EBF0");
  EXPECT_EQ(Matches("\\p{Han}", "\U00031350"), "\U00031350");
  EXPECT_EQ(Matches("[^\\p{L}]", "\U00031350"), "");
  EXPECT_EQ(Matches("\\P{L}|\\p{^Lo}", "\U00031350"), "");
  EXPECT_EQ(Matches("\\p{Nd}", "\U00010D40"), "\U00010D40");
  EXPECT_EQ(Matches("\\p{Cn}|\\p{C}", "\U00031350\U0001FFFF"), "\U0001FFFF");
}

TEST(Regex, ClassesNestAndIntersect) {
  EXPECT_EQ(Matches("[a-c&&[^b]]+", "abcab"), "a|ca");
  EXPECT_EQ(Matches("[^a-c&&[^b]]+", "abcabdx"), "b|bdx");
  EXPECT_EQ(Matches("[[a-c][x-z]&&[cx]]+", "abcqxyz"), "c|x");
  EXPECT_EQ(Matches("[\\p{Lo}\\p{M}&&[^\\p{Han}]]+", "中あ\u3099漢"), "あ\u3099");
  EXPECT_EQ(Matches("[a[^\\x00-\\x7F]]+", "abé中a"), "a|é中a");
  EXPECT_EQ(Matches("[^a[^\\x00-\\x7F]]+", "abé中a"), "b");
  EXPECT_EQ(Matches("[&&a]|[a&&]", "a&"), "");
  EXPECT_EQ(Matches("[a&b]", "a&b"), "a|&|b");
  EXPECT_EQ(Matches("[\\s\\S]", "a\n"), "a|\n");
}

TEST(Regex, EmptyMatchesMoveOnByCharacters) {
  EXPECT_EQ(Matches("", "a中"), "||");
  EXPECT_EQ(Matches("b*", "aabbé"), "||bb|");
  EXPECT_EQ(Matches("x", ""), "");
}

TEST(Regex, WhatWouldDifferIsRefusedByName) {
  for (const auto& [pattern, problem] : {std::pair<const char*, const char*>{"(a)\\1", "\\1"},
                                         {"(?<n>a)", "this kind of group"},
                                         {"(?x: a)", "this kind of group"},
                                         {"[[:alpha:]]", "POSIX bracket"},
                                         {"\\X", "\\X"},
                                         {"\\R", "\\R"},
                                         {"\\K", "\\K"},
                                         {"\\G", "\\G"},
                                         {"\\pL", "\\p without braces"},
                                         {"\\p{Klingon}", "\"Klingon\""},
                                         {"(?i:ss)", "ligature"},
                                         {"(?i)fF", "ligature"},
                                         {"(?i:é)", "outside ASCII"},
                                         {"(?i)[a-é]", "outside ASCII"},
                                         {"(?i)\\p{Lu}", "property under (?i)"},
                                         {"\\xE9", "byte escape"},
                                         {"(?=a)*", "repeated lookaround"},
                                         {"a{3,1}", "more to fewer"},
                                         {"a{99999}", "so large"},
                                         {"(?<=a+)b", "PCRE2 refuses"},
                                         {"[a-[b]]", "before [ or &&"}}) {
    const auto regex = Regex::Compile(pattern, "f.json");
    ASSERT_FALSE(regex.has_value()) << pattern;
    EXPECT_EQ(regex.error().code, ErrorCode::kUnsupported) << pattern;
    EXPECT_EQ(regex.error().where, "f.json");
    EXPECT_THAT(regex.error().message, HasSubstr(problem));
  }
}

TEST(Regex, MalformedPatternsAreCorrupt) {
  for (const char* pattern :
       {"(",       "(a",      "a)",    "[",     "[a",          "[]",        "*",
        "a|*",     "\\",      "\\p{L", "\\u12", "\\x{110000}", "\\x{D800}", "[b-a]",
        "[\\d-x]", "[a-\\d]", "(?#",   "(?",    "(?i",         "\xff"}) {
    const auto regex = Regex::Compile(pattern, "f.json");
    ASSERT_FALSE(regex.has_value()) << pattern;
    EXPECT_EQ(regex.error().code, ErrorCode::kCorrupt) << pattern;
  }
}

TEST(Regex, HostilePatternsEndInAnError) {
  EXPECT_THAT(Matches("(a+)+\\d", std::string(64, 'a')), HasSubstr("gives up on this text"));
  EXPECT_THAT(Matches("(?:a?){60}a{60}", std::string(60, 'a')), HasSubstr("gives up"));
  EXPECT_THAT(Matches(std::string(200, '(') + std::string(200, ')'), ""), HasSubstr("nested"));
  EXPECT_THAT(Matches(std::string(200, '['), ""), HasSubstr("nested"));
  EXPECT_THAT(Matches(std::string(1, 'a').append(100, '+'), "a"),
              HasSubstr("quantifiers on one another"));
  EXPECT_THAT(Matches(std::string(100'000, 'a'), ""), HasSubstr("the limit is"));
  EXPECT_THAT(Matches("(?:(?:a{1000}){1000}){1000}", ""), HasSubstr("PCRE2 refuses"));
}

// Very long words in the split patterns of known models. What && becomes needs memory for every
// character, so its words are shorter: then they also fit where PCRE2 cannot compile to machine
// code.
TEST(Regex, LongWordsStayWithinTheLimits) {
  constexpr const char* kPlain =
      R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s*[\r\n]+|\s+(?!\S)|\s+)";
  constexpr const char* kIntersected =
      R"([^\r\n\p{L}]?[\p{Lu}\p{Lo}&&[^\p{Han}]]*[\p{Ll}\p{Lo}&&[^\p{Han}]]+|\s*[\r\n]+|\s+)";
  for (const auto& [pattern, size] : {std::pair{kPlain, 1'000'000}, {kIntersected, 100'000}}) {
    std::string arabic;
    for (int i = 0; i < size; ++i) arabic += "ل";
    const size_t count = static_cast<size_t>(size);
    for (const std::string& text :
         {std::string(count, 'a'), arabic, std::string(count, ' ').append("x")}) {
      const std::string matches = Matches(pattern, text);
      EXPECT_GE(matches.size(), text.size() - 1) << pattern << " " << matches.substr(0, 200);
    }
  }
}

TEST(Regex, LiteralsMatchThemselves) {
  for (const std::string text : {"a.b", "[x]", "\\d", "é^$|", "a b#", "()*+?{}"}) {
    const Result<Regex> regex = Regex::Literal(text, "f");
    ASSERT_TRUE(regex.has_value());
    RegexMatcher matcher(*regex);
    std::vector<TextRange> matches;
    const std::string twice = text + "-" + text;
    ASSERT_TRUE(matcher.FindAll(twice, &matches).has_value());
    ASSERT_EQ(matches.size(), 2u);
    EXPECT_EQ(matches[1].begin, text.size() + 1);
  }
}

}  // namespace
}  // namespace ebb
