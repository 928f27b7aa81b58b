#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace ebb {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  const Result<Json> parsed = ParseJson(text, "f.json");
  return parsed ? "" : parsed.error().ToString();
}

TEST(Json, MalformedTextIsAnErrorThatNamesTheFile) {
  EXPECT_THAT(ErrorOf("{\"a\": 1"), HasSubstr("f.json: bad JSON at byte"));
  EXPECT_THAT(ErrorOf("{} x"), HasSubstr("bad JSON"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("bad JSON"));
  EXPECT_THAT(ErrorOf(std::string_view("{}\0garbage", 10)), HasSubstr("bad JSON at byte 3"));
  EXPECT_THAT(ErrorOf("\"\xff\""), HasSubstr("bad JSON"));
}

TEST(Json, DuplicateKeysAreRefusedPerObject) {
  EXPECT_THAT(ErrorOf(R"({"a": 1, "a": 2})"), HasSubstr("\"a\" occurs twice"));
  EXPECT_THAT(ErrorOf(R"({"x": {"a": 1, "b": {"a": 1}, "a": 2}})"),
              HasSubstr("\"a\" occurs twice"));
  EXPECT_EQ(ErrorOf(R"({"x": {"a": 1}, "y": {"a": 1}, "a": [{"a": 1}, {"a": 2}]})"), "");
}

TEST(Json, ErrorsStayOnOneLine) {
  EXPECT_EQ(ErrorOf("{\"a\\nb\": 1, \"a\\nb\": 2}"),
            "f.json: bad JSON: the key \"a\\nb\" occurs twice");
}

TEST(Json, DeepNestingIsRefused) {
  EXPECT_EQ(ErrorOf(std::string(60, '[') + std::string(60, ']')), "");
  EXPECT_THAT(ErrorOf(std::string(100000, '[')), HasSubstr("nested deeper"));
}

TEST(Json, TypedAccessChecksTypeAndRange) {
  const Json json = ParseJson(R"({"i": 7, "f": 1.5, "s": "x", "b": true, "n": null,
                                  "big": 18446744073709551615})",
                              "f")
                        .value();
  EXPECT_EQ(GetInt(json, "i", 0, 10, "f").value(), 7);
  EXPECT_EQ(GetInt(json, "i", 8, 10, "f").error().ToString(), "f: \"i\" is 7; expected 8 to 10");
  EXPECT_EQ(GetInt(json, "f", 0, 10, "f").error().ToString(), "f: \"f\" is not an integer");
  EXPECT_EQ(GetInt(json, "big", 0, 10, "f").error().ToString(), "f: \"big\" is not an integer");
  EXPECT_EQ(GetInt(json, "none", 0, 10, "f").error().ToString(), "f: \"none\" is missing");
  EXPECT_EQ(GetInt(json, "n", 0, 10, "f", 3).value(), 3);
  EXPECT_EQ(GetNumber(json, "i", 0, 10, "f").value(), 7.0);
  EXPECT_EQ(GetBool(json, "b", "f").value(), true);
  EXPECT_EQ(GetString(json, "s", "f").value(), "x");
  EXPECT_FALSE(GetString(json, "i", "f").has_value());
}

TEST(Json, NonFiniteNumbersBecomeNull) {
  EXPECT_TRUE(FiniteOrNull(NAN).is_null());
  EXPECT_TRUE(FiniteOrNull(INFINITY).is_null());
  EXPECT_EQ(FiniteOrNull(2.5), 2.5);
}

}  // namespace
}  // namespace ebb
