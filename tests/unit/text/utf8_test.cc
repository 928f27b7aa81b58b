#include "text/utf8.h"

#include <gtest/gtest.h>

namespace ebb {
namespace {

// Pairs of bytes and what Python's bytes.decode("utf-8", errors="replace") makes of them.
constexpr std::pair<std::string_view, std::string_view> kBroken[] = {
    {"", ""},
    {"ok", "ok"},
    {"\xff", "�"},
    {"\xc3", "�"},
    {"\xc3\x28", "�("},
    {"\xe4\xb8", "�"},
    {"\xe4\xb8\x28", "�("},
    {"\xed\xa0\x80", "���"},
    {"\xf0\x9f\x99", "�"},
    {"\xf0\x9f\x99\x82\xf0\x9f", "🙂�"},
    {"\xc0\xaf", "��"},
    {"\xe0\x80\x80", "���"},
    {"\xf8\x88\x80\x80\x80", "�����"},
    {"\xf4\x90\x80\x80", "����"},
    {"\x80\x81z", "��z"},
    {"a\xf0\x9f\x99\x28", "a�("},
};

TEST(Utf8, BrokenBytesAreReplacedAsPythonReplacesThem) {
  for (const auto& [bytes, text] : kBroken) {
    EXPECT_EQ(ReplaceInvalidUtf8(bytes), text);
    EXPECT_EQ(IsValidUtf8(bytes), bytes == text);
    EXPECT_TRUE(IsValidUtf8(text));
  }
}

TEST(Utf8, AllCodePointsSurviveARoundTripAndOnlySurrogatesAreBroken) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    std::string text;
    AppendUtf8(c, &text);
    const Utf8Unit unit = ReadUtf8(text, 0);
    const bool is_surrogate = c >= 0xD800 && c < 0xE000;
    ASSERT_EQ(unit.kind == Utf8Kind::kValid, !is_surrogate) << std::hex << static_cast<uint32_t>(c);
    if (is_surrogate) continue;
    ASSERT_EQ(unit.code_point, c);
    ASSERT_EQ(unit.size_bytes, text.size());
    ASSERT_EQ(ReadValidUtf8Before(text, text.size()).code_point, c);
  }
}

TEST(Utf8, AssemblerGivesTheSameTextHoweverTheBytesAreCut) {
  std::string bytes = "aé中🙂\xff\xe4\xb8";
  for (const auto& [broken, text] : kBroken) bytes += broken;
  for (size_t step = 1; step < 7; ++step) {
    Utf8Assembler assembler;
    std::string text;
    for (size_t at = 0; at < bytes.size(); at += step) {
      const std::string given = assembler.Push(std::string_view(bytes).substr(at, step));
      EXPECT_TRUE(IsValidUtf8(given));
      text += given;
    }
    text += assembler.Finish();
    EXPECT_EQ(text, ReplaceInvalidUtf8(bytes));
  }
}

TEST(Utf8, AssemblerHoldsBackOnlyAnUnfinishedCharacter) {
  Utf8Assembler assembler;
  EXPECT_EQ(assembler.Push("a\xf0"), "a");
  EXPECT_EQ(assembler.Push("\x9f\x99"), "");
  EXPECT_EQ(assembler.Push("\x82"), "🙂");
  EXPECT_EQ(assembler.Push("\xe4"), "");
  EXPECT_EQ(assembler.Push("x"), "�x");
  EXPECT_EQ(assembler.Finish(), "");
}

}  // namespace
}  // namespace ebb
