// What all SVG figures of Ebb begin with, and text in them. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace ebb {

// Text with the characters escaped that XML and HTML give a meaning.
[[nodiscard]] std::string SvgEscape(std::string_view text);

// The opening tag of a figure. Themed figures take the page's text colour and background, scale
// with its width, and are for embedding; others are white, and stand alone.
[[nodiscard]] std::string SvgOpening(double width, double height, bool themed);

}  // namespace ebb
