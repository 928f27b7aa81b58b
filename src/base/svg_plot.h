// Line plots as SVG, fit for print: small multiples of panels with axes, ticks, and one legend.
//
// Series are told apart by colour (Okabe and Ito's palette, safe for the colour-blind), marker and
// dash, so that the figure survives a black and white printer. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ebb {

// Okabe and Ito's colours, by what they are used for.
enum class PlotColour : uint8_t { kBlue, kOrange, kGreen, kRed, kPurple, kSky, kGrey, kBlack };
enum class PlotMarker : uint8_t { kNone, kCircle, kSquare, kTriangle, kDiamond, kCross };
enum class PlotLine : uint8_t { kNone, kSolid, kDashed, kDotted };

struct PlotSeries {
  std::string name;  // of the legend; series of one name share an entry, and should share a look
  std::vector<std::pair<double, double>> points;  // points that are not finite are left out
  PlotColour colour = PlotColour::kBlue;
  PlotMarker marker = PlotMarker::kCircle;
  PlotLine line = PlotLine::kSolid;
  bool bold = false;  // drawn thicker, and over the others
  // Of y, drawn as a bar at each point; empty: none.
  std::vector<std::pair<double, double>> ranges = {};
};

struct PlotPanel {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<PlotSeries> series;
  bool log_x = false;  // x, or y, must be positive then: other points are left out
  bool log_y = false;
  bool y_from_zero = true;  // a linear y axis starts at 0; else just below the data
};

struct Plot {
  std::vector<PlotPanel> panels;
  int columns = 2;      // panels side by side
  bool themed = false;  // takes text colour and background from the page around it
};

// A complete SVG document.
[[nodiscard]] std::string RenderSvg(const Plot& plot);

}  // namespace ebb
