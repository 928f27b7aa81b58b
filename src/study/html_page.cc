#include "study/html_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/svg_text.h"

namespace ebb {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--card:#f6f8fa;--line:#d1d9e0;--link:#0550ae;--note:#fff4d6}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9da7b1;--paper:#14171b;--card:#1d2127;--line:#3a424b;--link:#79b8ff;--note:#3b3115}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.2rem 0 .5rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.4rem 0 .3rem}
p,ul{margin:.5rem 0;overflow-wrap:anywhere}
ul{padding-left:1.3rem}
a{color:var(--link)}
nav{font-size:.92rem;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.6rem 0 1rem}
.note{background:var(--note);border-radius:.4rem;padding:.6rem .8rem;margin:.7rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:.8rem;margin:.8rem 0}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.5rem;min-width:0}
figure.wide{grid-column:1/-1}
.scroll{overflow-x:auto;max-width:100%}
figure svg{display:block;max-width:100%;height:auto;margin:0 auto}
figure.wide svg{max-width:none;width:auto}
figcaption{color:var(--soft);font-size:.88rem;padding:.3rem .2rem 0}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums;min-width:100%}
caption{text-align:left;color:var(--soft);padding:.3rem 0}
th,td{padding:.28rem .55rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th{background:var(--card);font-weight:600}
th:first-child,td:first-child,.text{text-align:left}
details{margin:.8rem 0}
summary{cursor:pointer;color:var(--link)}
footer{color:var(--soft);font-size:.88rem;margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.6rem}
@media print{details{display:block}nav{display:none}}
)";

// Numbers stand right, words left.
bool IsText(const std::string& cell) {
  return !cell.empty() && std::isalpha(static_cast<unsigned char>(cell.front())) != 0;
}

}  // namespace

std::string HtmlEscape(std::string_view text) { return SvgEscape(text); }

void HtmlPage::Section(const std::string& id, const std::string& heading) {
  sections_.emplace_back(id, heading);
  body_ += fmt::format("<h2 id=\"{}\">{}</h2>\n", HtmlEscape(id), HtmlEscape(heading));
}

void HtmlPage::Subheading(const std::string& text) {
  body_ += fmt::format("<h3>{}</h3>\n", HtmlEscape(text));
}

void HtmlPage::Paragraph(const std::string& text) {
  body_ += fmt::format("<p>{}</p>\n", HtmlEscape(text));
}

void HtmlPage::List(const std::vector<std::string>& entries) {
  if (entries.empty()) return;
  body_ += "<ul>\n";
  for (const std::string& entry : entries) body_ += fmt::format("<li>{}</li>\n", HtmlEscape(entry));
  body_ += "</ul>\n";
}

void HtmlPage::Note(const std::string& text) {
  body_ += fmt::format("<p class=\"note\">{}</p>\n", HtmlEscape(text));
}

void HtmlPage::Table(const HtmlTable& table) {
  body_ += "<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>" + HtmlEscape(table.caption);
  if (!table.csv.empty()) {
    body_ += fmt::format(" <a href=\"{0}\">{0}</a>", HtmlEscape(table.csv));
  }
  body_ += "</caption>\n<thead><tr>";
  std::vector<bool> is_text(table.header.size(), false);
  for (size_t c = 0; c < table.header.size(); ++c) {
    is_text[c] = std::any_of(table.rows.begin(), table.rows.end(),
                             [&](const auto& row) { return c < row.size() && IsText(row[c]); });
    body_ += fmt::format("<th scope=\"col\"{}>{}</th>", is_text[c] ? " class=\"text\"" : "",
                         HtmlEscape(table.header[c]));
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    body_ += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      const bool text = c < is_text.size() && is_text[c];
      body_ += fmt::format("<td{}>{}</td>", text ? " class=\"text\"" : "", HtmlEscape(row[c]));
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void HtmlPage::Figures(const std::vector<Figure>& figures) {
  if (figures.empty()) return;
  body_ += "<div class=\"figures\">\n";
  for (const Figure& figure : figures) {
    body_ += fmt::format(
        "<figure{}><div class=\"scroll\" role=\"img\" aria-label=\"{}\">{}</div>"
        "<figcaption>{}</figcaption></figure>\n",
        figure.wide ? " class=\"wide\"" : "", HtmlEscape(figure.label), figure.svg,
        HtmlEscape(figure.label));
  }
  body_ += "</div>\n";
}

void HtmlPage::BeginDetails(const std::string& summary) {
  body_ += fmt::format("<details><summary>{}</summary>\n", HtmlEscape(summary));
}

void HtmlPage::EndDetails() { body_ += "</details>\n"; }

void HtmlPage::Footer(const std::string& text) {
  body_ += fmt::format("<footer>{}</footer>\n", HtmlEscape(text));
}

std::string HtmlPage::Render() const {
  std::string nav;
  for (const auto& [id, heading] : sections_) {
    nav += fmt::format("<a href=\"#{}\">{}</a>\n", HtmlEscape(id), HtmlEscape(heading));
  }
  const std::string title = HtmlEscape(title_);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style></head>\n<body><main>\n<h1>{0}</h1>\n<nav>\n{2}</"
      "nav>\n"
      "{3}</main></body></html>\n",
      title, kStyle, nav, body_);
}

}  // namespace ebb
