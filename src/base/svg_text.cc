#include "base/svg_text.h"

#include <fmt/format.h>

namespace ebb {

std::string SvgEscape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string SvgOpening(double width, double height, bool themed) {
  std::string opening = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" viewBox=\"0 0 "
      "{0:g} {1:g}\" font-family=\"Helvetica, Arial, 'Liberation Sans', sans-serif\" "
      "font-size=\"13\"{2}>\n",
      width, height, themed ? " fill=\"currentColor\"" : "");
  if (!themed) opening += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  return opening;
}

}  // namespace ebb
