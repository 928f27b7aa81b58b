// One HTML page that stands alone: no script, no network, figures and style inside. It is readable
// on a phone (tables and wide figures scroll by themselves) and follows the reader's choice of
// light or dark.
//
// Everything that is put in is text, and escaped, but for figures (SVG of our own) and AddHtml.
// Not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ebb {

// The text with HTML's special characters escaped.
[[nodiscard]] std::string HtmlEscape(std::string_view text);

struct HtmlTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // as many cells as the header
  std::string caption;
  std::string csv;  // a file beside the page that holds the table; empty: none
};

class HtmlPage {
 public:
  explicit HtmlPage(std::string title) : title_(std::move(title)) {}

  // Starts a section; `id` is its anchor, letters and '-' only.
  void Section(const std::string& id, const std::string& heading);
  void Subheading(const std::string& text);
  void Paragraph(const std::string& text);
  void List(const std::vector<std::string>& entries);
  // A box that stands out: what must not be overlooked.
  void Note(const std::string& text);
  void Table(const HtmlTable& table);
  // Figures beside each other where there is room. `label` says in words what is to be seen.
  struct Figure {
    std::string svg;
    std::string label;
    bool wide = false;  // does not shrink below its natural size: scrolls instead
  };
  void Figures(const std::vector<Figure>& figures);
  // A long part that is folded at first.
  void BeginDetails(const std::string& summary);
  void EndDetails();

  void Footer(const std::string& text);

  [[nodiscard]] std::string Render() const;

 private:
  std::string title_;
  std::vector<std::pair<std::string, std::string>> sections_;  // anchor, heading
  std::string body_;
};

}  // namespace ebb
