// Heat maps as SVG: a table of numbers as cells of colour, with the numbers in them where there is
// room, and a scale beside them.
//
// The colours are a path through Okabe and Ito's blue from near white: lightness falls evenly, so
// that the order of values survives colour blindness and a black and white printer. Thread-safe.
#pragma once

#include <string>
#include <vector>

namespace ebb {

struct HeatMap {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<std::string> columns;
  std::vector<std::string> rows;
  std::vector<double> values;  // [rows, columns]; what is not finite stays empty
  bool log = false;            // colours by logarithm: values <= 0 get the lightest
  bool from_zero = true;       // the lightest is 0, not the least value; without meaning if log
  bool percent = false;        // numbers as per cent
  bool themed = false;         // as Plot::themed
};

// A complete SVG document. As many values as rows x columns.
[[nodiscard]] std::string RenderSvg(const HeatMap& map);

}  // namespace ebb
