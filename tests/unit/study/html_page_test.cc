// The page that reports are written as: text stays text, and nothing comes from elsewhere.
#include "study/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ebb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlPageTest, WhatIsPutInIsText) {
  const std::string hostile = "<script>alert('1')</script> & \"quotes\"";
  HtmlPage page(hostile);
  page.Section("s", hostile);
  page.Subheading(hostile);
  page.Paragraph(hostile);
  page.List({hostile});
  page.Note(hostile);
  page.Table({{hostile, "b"}, {{hostile, "1"}}, hostile, "a.csv"});
  page.Figures({{"<svg></svg>", hostile, true}});
  page.BeginDetails(hostile);
  page.EndDetails();
  page.Footer(hostile);
  const std::string html = page.Render();
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert('1')&lt;/script&gt; &amp; &quot;quotes&quot;"));
  EXPECT_THAT(html, HasSubstr("<svg></svg>"));
}

TEST(HtmlPageTest, StandsAlone) {
  HtmlPage page("T");
  page.Section("a", "A");
  page.Table({{"name", "n"}, {{"x", "1"}}, "", "a.csv"});
  const std::string html = page.Render();
  for (const char* outside :
       {"http:", "https:", "//", "<script", "<link", "<img", "@import", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
  EXPECT_THAT(html, HasSubstr("<a href=\"#a\">A</a>"));
  EXPECT_THAT(html, HasSubstr("<h2 id=\"a\">A</h2>"));
  EXPECT_THAT(html, HasSubstr("<a href=\"a.csv\">"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(html, HasSubstr("name=\"viewport\""));
}

TEST(HtmlPageTest, WordsStandLeftAndNumbersRight) {
  HtmlPage page("T");
  page.Table({{"first", "word", "number"}, {{"1", "-", "0.5"}, {"2", "fell", "-"}}, "", ""});
  const std::string html = page.Render();
  EXPECT_THAT(html, HasSubstr("<td class=\"text\">fell</td><td>-</td>"));
  EXPECT_THAT(html, HasSubstr("<td>1</td><td class=\"text\">-</td><td>0.5</td>"));
}

}  // namespace
}  // namespace ebb
