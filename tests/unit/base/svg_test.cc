// Figures: what they show, and that hostile numbers and texts leave them well-formed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/svg_heat.h"
#include "base/svg_plot.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

HeatMap Map(std::vector<double> values) {
  HeatMap map;
  map.title = "<T>";
  map.x_label = "rate";
  map.y_label = "layer";
  map.rows = {"1", "2"};
  map.columns = {"0.1", "0.8"};
  map.values = std::move(values);
  return map;
}

TEST(SvgHeatTest, ColoursRiseFromTheLeastToTheGreatest) {
  const std::string svg = RenderSvg(Map({0, 0.5, 1, NAN}));
  EXPECT_THAT(svg, HasSubstr("fill=\"#f7fbff\"><title>layer 1, rate 0.1: 0</title>"));
  EXPECT_THAT(svg, HasSubstr("fill=\"#6baed6\"><title>layer 1, rate 0.8: 0.5</title>"));
  EXPECT_THAT(svg, HasSubstr("fill=\"#08306b\"><title>layer 2, rate 0.1: 1</title>"));
  EXPECT_EQ(Count(svg, "<title>"), 3u) << "what is no number has no cell";
  EXPECT_THAT(svg, HasSubstr("&lt;T&gt;"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(SvgHeatTest, LogarithmsSpreadWhatIsSmall) {
  HeatMap map = Map({1e-6, 1e-4, 1e-2, 0});
  map.log = true;
  const std::string svg = RenderSvg(map);
  EXPECT_THAT(svg, HasSubstr("fill=\"#6baed6\"><title>layer 1, rate 0.8: 1.0e-04</title>"));
  EXPECT_THAT(svg, HasSubstr("fill=\"#f7fbff\"><title>layer 2, rate 0.8: 0</title>"));
}

TEST(SvgHeatTest, EmptyAndConstantTablesAreFigures) {
  EXPECT_THAT(RenderSvg(HeatMap{}), HasSubstr("</svg>"));
  for (const double value : {0.0, 3.0, -3.0, double{INFINITY}}) {
    for (const bool log : {false, true}) {
      HeatMap map = Map({value, value, value, value});
      map.log = log;
      const std::string svg = RenderSvg(map);
      EXPECT_THAT(svg, HasSubstr("</svg>"));
      EXPECT_THAT(svg, Not(HasSubstr("nan"))) << value << log;
    }
  }
}

TEST(SvgPlotTest, DrawsIntervalsAndTakesThePagesColours) {
  PlotSeries series;
  series.name = "ICA";
  series.points = {{0.1, 0.5}, {0.2, 0.25}};
  series.ranges = {{0.4, 0.5}, {0.2, 0.3}};
  Plot plot;
  plot.panels = {{"P", "rate", "share", {series}}};
  const std::string plain = RenderSvg(plot);
  series.ranges.clear();
  plot.panels[0].series = {series};
  EXPECT_EQ(Count(plain, "<line"), Count(RenderSvg(plot), "<line") + 2);
  EXPECT_THAT(plain, HasSubstr("#ffffff"));
  plot.themed = true;
  EXPECT_THAT(RenderSvg(plot), HasSubstr("currentColor"));
  EXPECT_THAT(RenderSvg(plot), Not(HasSubstr("#ffffff")));
}

}  // namespace
}  // namespace ebb
