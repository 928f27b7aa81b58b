#include "text/unicode.h"

#include <gtest/gtest.h>

#include "text/unicode_tables.h"

namespace ebb {
namespace {

TEST(Unicode, SpacesAreWhiteSpaceOnly) {
  for (const char32_t c : {U'\t', U'\v', U' ', U'\u0085', U'\u00A0', U'\u1680', U'\u2003',
                           U'\u2028', U'\u202F', U'\u3000'}) {
    EXPECT_TRUE(IsWhitespace(c));
  }
  for (const char32_t c : {U'\u180E', U'\u200B', U'\uFEFF', U'\x1C', U'a'}) {
    EXPECT_FALSE(IsWhitespace(c));
  }
  EXPECT_TRUE(IsPythonSpace(U'\x1C'));
  EXPECT_FALSE(IsPythonSpace(U'\u180E'));
}

TEST(Unicode, TablesAreSortedAndDisjoint) {
  for (const auto ranges :
       {NumericRanges(), PunctuationRanges(), MarkRanges(), NormalizationInertRanges()}) {
    char32_t after = 0;
    for (const CodePointRange& range : ranges) {
      EXPECT_LE(after, range.first);
      EXPECT_LE(range.first, range.last);
      after = range.last + 1;
    }
  }
}

TEST(Unicode, CharactersNewerThanTheLibrariesAreClassified) {
  EXPECT_TRUE(IsNumeric(U'\U00010D40'));   // Garay digit, Unicode 16
  EXPECT_TRUE(IsWord(U'\U000323AF'));      // Chinese, Unicode 15
  EXPECT_TRUE(IsWord(U'\u24B6'));          // a circled letter: a symbol, but Alphabetic
  EXPECT_FALSE(IsMark(U'\u1DF6'));         // a mark that is too new for StripAccents
  EXPECT_FALSE(IsPunctuation(U'\u2E52'));  // punctuation that is too new for Punctuation
  EXPECT_EQ(Lowercase("\U00010D50\uA7CBİΣẞ"), "\U00010D70\u0264i\u0307σß");
}

TEST(Unicode, NormalFormsComposeDecomposeAndReorder) {
  EXPECT_EQ(Normalize("e\u0301\u0323 ﬁ Å", NormalForm::kNfc).value(), "ẹ\u0301 ﬁ Å");
  EXPECT_EQ(Normalize("é각", NormalForm::kNfd).value(), "e\u0301\u1100\u1161\u11A8");
  EXPECT_EQ(Normalize("ﬁ①㎏", NormalForm::kNfkc).value(), "fi1kg");
  EXPECT_EQ(Normalize("ﬁé", NormalForm::kNfkd).value(), "fie\u0301");
  EXPECT_EQ(Normalize(std::string_view("a\0b", 3), NormalForm::kNfc).value(),
            std::string_view("a\0b", 3));
}

// Hugging Face's normalisation is of Unicode 9: newer characters neither move nor combine.
TEST(Unicode, InertCharactersSeparateWhatIsAroundThem) {
  EXPECT_EQ(Normalize("e\u1DF6\u0301", NormalForm::kNfc).value(), "e\u1DF6\u0301");
  EXPECT_EQ(Normalize("\U00011935\U00011930", NormalForm::kNfc).value(), "\U00011935\U00011930");
  EXPECT_EQ(Normalize("㋿", NormalForm::kNfkc).value(), "㋿");
}

// utf8proc alone would need minutes for this: it sorts marks by insertion.
TEST(Unicode, AMillionMarksInTheWrongOrderAreSortedInTime) {
  std::string text = "a";
  for (int i = 0; i < 250'000; ++i) text += "\u0301\u0323";
  const std::string normalized = Normalize(text, NormalForm::kNfd).value();
  EXPECT_EQ(normalized.size(), text.size());
  EXPECT_TRUE(normalized.starts_with("a\u0323\u0323"));
  EXPECT_TRUE(normalized.ends_with("\u0301\u0301"));
  EXPECT_EQ(Normalize("ạ" + text.substr(1), NormalForm::kNfd).value().size(), text.size() + 2);
}

}  // namespace
}  // namespace ebb
