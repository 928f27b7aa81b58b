#include "base/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/svg_text.h"

namespace ebb {
namespace {

// In SVG units, which print as 1/96 inch.
constexpr double kPanelWidth = 420;
constexpr double kPanelHeight = 300;
constexpr double kLeft = 72;  // from a panel's corner to its axes
constexpr double kTop = 34;
constexpr double kRight = 18;
constexpr double kBottom = 52;
constexpr double kLegendRow = 22;
constexpr double kLegendEntry = 165;

std::string_view ColourOf(PlotColour colour) {
  switch (colour) {
    case PlotColour::kBlue:
      return "#0072b2";
    case PlotColour::kOrange:
      return "#e69f00";
    case PlotColour::kGreen:
      return "#009e73";
    case PlotColour::kRed:
      return "#d55e00";
    case PlotColour::kPurple:
      return "#cc79a7";
    case PlotColour::kSky:
      return "#56b4e9";
    case PlotColour::kGrey:
      return "#666666";
    case PlotColour::kBlack:
      return "#000000";
  }
  return "#000000";
}

struct Tick {
  double value;
  std::string label;  // empty: a mark only
};

// From data to the panel.
struct Axis {
  double low = 0;
  double high = 1;
  bool log = false;

  double At(double value) const {
    if (log) return (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low));
    return (value - low) / (high - low);
  }
};

// Marks at steps of 1, 2 or 5 times a power of ten, about `wanted` of them.
std::vector<Tick> LinearTicks(const Axis& axis, int wanted) {
  const double raw = (axis.high - axis.low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double step = power * (raw / power > 5   ? 10
                               : raw / power > 2 ? 5
                               : raw / power > 1 ? 2
                                                 : 1);
  std::vector<Tick> ticks;
  for (double i = std::ceil(axis.low / step); i * step <= axis.high + step / 1000; ++i) {
    ticks.push_back(
        {i * step, fmt::format("{:g}", std::round(i * step / power) * power + 0.0)});  // no -0
  }
  return ticks;
}

// Marks at 1 to 9 times the powers of ten; labels at 1, and at 2 and 5 if there is room.
std::vector<Tick> LogTicks(const Axis& axis) {
  const double decades = std::log10(axis.high / axis.low);
  std::vector<Tick> ticks;
  for (int exponent = static_cast<int>(std::floor(std::log10(axis.low)));
       std::pow(10, exponent) <= axis.high; ++exponent) {
    for (int digit = 1; digit < 10; ++digit) {
      const double value = digit * std::pow(10, exponent);
      if (value < axis.low * 0.999 || value > axis.high * 1.001) continue;
      const bool labelled = digit == 1 || (decades < 2.5 && (digit == 2 || digit == 5));
      ticks.push_back({value, labelled ? fmt::format("{:g}", value) : ""});
    }
  }
  return ticks;
}

class SvgWriter {
 public:
  explicit SvgWriter(const Plot& plot)
      : plot_(plot),
        ink_(plot.themed ? "currentColor" : "#000000"),
        grid_(plot.themed ? "#8884" : "#e5e5e5") {}

  std::string Write() {
    CollectLegend();
    const int columns =
        std::max(1, std::min<int>(plot_.columns, static_cast<int>(plot_.panels.size())));
    const auto rows = (static_cast<int>(plot_.panels.size()) + columns - 1) / columns;
    const double width = columns * kPanelWidth;
    const int per_row = std::max(1, static_cast<int>((width - kLeft) / kLegendEntry));
    const auto legend_rows = (static_cast<int>(legend_.size()) + per_row - 1) / per_row;
    const double height = rows * kPanelHeight + legend_rows * kLegendRow + 12;
    out_ = SvgOpening(width, height, plot_.themed);
    for (size_t i = 0; i < plot_.panels.size(); ++i) {
      const auto column = static_cast<int>(i) % columns;
      const auto row = static_cast<int>(i) / columns;
      Panel(plot_.panels[i], column * kPanelWidth, row * kPanelHeight);
    }
    for (size_t i = 0; i < legend_.size(); ++i) {
      const auto column = static_cast<int>(i) % per_row;
      const auto row = static_cast<int>(i) / per_row;
      LegendEntry(*legend_[i], kLeft + column * kLegendEntry,
                  rows * kPanelHeight + row * kLegendRow + kLegendRow / 2);
    }
    return out_ + "</svg>\n";
  }

 private:
  void CollectLegend() {
    for (const PlotPanel& panel : plot_.panels) {
      for (const PlotSeries& series : panel.series) {
        const auto known = [&](const PlotSeries* other) { return other->name == series.name; };
        if (std::none_of(legend_.begin(), legend_.end(), known)) legend_.push_back(&series);
      }
    }
  }

  static bool IsDrawn(const PlotPanel& panel, const std::pair<double, double>& point) {
    return std::isfinite(point.first) && std::isfinite(point.second) &&
           (!panel.log_x || point.first > 0) && (!panel.log_y || point.second > 0);
  }

  // An axis from `low` to `high`, with a little air. A linear one may start at 0.
  static Axis MakeAxis(double low, double high, bool log, bool from_zero) {
    if (!(low <= high)) return {log ? 0.1 : 0, 1, log};  // no points at all
    if (log) return {low / 1.3, high * 1.3, true};
    if (from_zero) low = std::min(0.0, low);
    if (!(high > low)) high = low + (from_zero ? 1 : 0.1 * std::max(1e-9, std::abs(low)));
    const double air = (high - low) * 0.04;
    return {from_zero ? low : low - air, high + air, false};
  }

  // The axes that hold all points of a panel.
  static std::pair<Axis, Axis> AxesOf(const PlotPanel& panel) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    double x_low = kInfinity, x_high = -kInfinity, y_low = kInfinity, y_high = -kInfinity;
    for (const PlotSeries& series : panel.series) {
      for (const auto& point : series.points) {
        if (!IsDrawn(panel, point)) continue;
        x_low = std::min(x_low, point.first);
        x_high = std::max(x_high, point.first);
        y_low = std::min(y_low, point.second);
        y_high = std::max(y_high, point.second);
      }
      for (size_t i = 0; i < series.ranges.size(); ++i) {
        const auto& [low, high] = series.ranges[i];
        if (!IsDrawn(panel, series.points[i]) || !IsDrawn(panel, {series.points[i].first, low})) {
          continue;
        }
        y_low = std::min(y_low, low);
        y_high = std::max(y_high, high);
      }
    }
    return {MakeAxis(x_low, x_high, panel.log_x, true),
            MakeAxis(y_low, y_high, panel.log_y, panel.y_from_zero)};
  }

  void Panel(const PlotPanel& panel, double left, double top) {
    const auto axes = AxesOf(panel);
    x_axis_ = axes.first;
    y_axis_ = axes.second;
    x0_ = left + kLeft;
    y0_ = top + kPanelHeight - kBottom;
    width_ = kPanelWidth - kLeft - kRight;
    height_ = kPanelHeight - kTop - kBottom;
    Text(x0_ + width_ / 2, top + kTop - 12, "middle", "font-weight=\"bold\"", panel.title);
    Frame(panel);
    for (const bool bold : {false, true}) {
      for (const PlotSeries& series : panel.series) {
        if (series.bold == bold) Series(panel, series);
      }
    }
  }

  void Frame(const PlotPanel& panel) {
    for (const Tick& tick : x_axis_.log ? LogTicks(x_axis_) : LinearTicks(x_axis_, 8)) {
      const double x = X(tick.value);
      if (!tick.label.empty()) Line(x, y0_, x, y0_ - height_, grid_, 0.8);
      Line(x, y0_, x, y0_ + (tick.label.empty() ? 3 : 5), ink_, 1);
      Text(x, y0_ + 20, "middle", "", tick.label);
    }
    for (const Tick& tick : y_axis_.log ? LogTicks(y_axis_) : LinearTicks(y_axis_, 6)) {
      const double y = Y(tick.value);
      if (!tick.label.empty()) Line(x0_, y, x0_ + width_, y, grid_, 0.8);
      Line(x0_ - (tick.label.empty() ? 3 : 5), y, x0_, y, ink_, 1);
      Text(x0_ - 9, y + 4.5, "end", "", tick.label);
    }
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" "
        "stroke=\"{}\"/>\n",
        x0_, y0_ - height_, width_, height_, ink_);
    Text(x0_ + width_ / 2, y0_ + 40, "middle", "", panel.x_label);
    const double x = x0_ - kLeft + 16;
    const double y = y0_ - height_ / 2;
    Text(x, y, "middle", fmt::format("transform=\"rotate(-90 {:.1f} {:.1f})\"", x, y),
         panel.y_label);
  }

  void Series(const PlotPanel& panel, const PlotSeries& series) {
    std::string path;
    for (const auto& point : series.points) {
      if (!IsDrawn(panel, point)) continue;
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", X(point.first),
                          Y(point.second));
    }
    Path(series, path);
    Ranges(panel, series);
    for (const auto& point : series.points) {
      if (IsDrawn(panel, point)) Marker(series, X(point.first), Y(point.second));
    }
  }

  // A bar from low to high at each point; what lies below a logarithmic axis ends at its foot.
  void Ranges(const PlotPanel& panel, const PlotSeries& series) {
    for (size_t i = 0; i < series.ranges.size(); ++i) {
      const double x = series.points[i].first;
      const auto [low, high] = series.ranges[i];
      if (!IsDrawn(panel, series.points[i]) || !IsDrawn(panel, {x, high})) continue;
      const double foot = IsDrawn(panel, {x, low}) ? Y(low) : y0_;
      Line(X(x), foot, X(x), Y(high), ColourOf(series.colour), 1.2);
    }
  }

  void LegendEntry(const PlotSeries& series, double x, double y) {
    Path(series, fmt::format("M{:.1f} {:.1f} L{:.1f} {:.1f}", x, y, x + 32, y));
    Marker(series, x + 16, y);
    Text(x + 40, y + 4.5, "start", "", series.name);
  }

  void Path(const PlotSeries& series, const std::string& path) {
    if (series.line == PlotLine::kNone || path.empty()) return;
    const std::string_view dash = series.line == PlotLine::kDashed   ? " stroke-dasharray=\"7 4\""
                                  : series.line == PlotLine::kDotted ? " stroke-dasharray=\"2 3\""
                                                                     : "";
    out_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>\n",
                        path, ColourOf(series.colour), series.bold ? 2.8 : 1.6, dash);
  }

  void Marker(const PlotSeries& series, double x, double y) {
    const double r = series.bold ? 4.6 : 3.8;
    const std::string_view colour = ColourOf(series.colour);
    std::string shape;
    switch (series.marker) {
      case PlotMarker::kNone:
        return;
      case PlotMarker::kCircle:
        out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\"/>\n", x, y, r,
                            colour);
        return;
      case PlotMarker::kCross:
        out_ += fmt::format(
            "<path d=\"M{0:.1f} {1:.1f} L{2:.1f} {3:.1f} M{0:.1f} {3:.1f} L{2:.1f} {1:.1f}\" "
            "stroke=\"{4}\" stroke-width=\"2\"/>\n",
            x - r, y - r, x + r, y + r, colour);
        return;
      case PlotMarker::kSquare:
        shape = fmt::format("M{:.1f} {:.1f} h{:.1f} v{:.1f} h{:.1f} Z", x - r, y - r, 2 * r, 2 * r,
                            -2 * r);
        break;
      case PlotMarker::kTriangle:
        shape = fmt::format("M{:.1f} {:.1f} L{:.1f} {:.1f} L{:.1f} {:.1f} Z", x, y - r * 1.3,
                            x + r * 1.2, y + r, x - r * 1.2, y + r);
        break;
      case PlotMarker::kDiamond:
        shape = fmt::format("M{0:.1f} {1:.1f} L{2:.1f} {3:.1f} L{0:.1f} {4:.1f} L{5:.1f} {3:.1f} Z",
                            x, y - r * 1.4, x + r * 1.2, y, y + r * 1.4, x - r * 1.2);
        break;
    }
    out_ += fmt::format("<path d=\"{}\" fill=\"{}\"/>\n", shape, colour);
  }

  void Line(double x1, double y1, double x2, double y2, std::string_view colour, double width) {
    out_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
        "stroke-width=\"{}\"/>\n",
        x1, y1, x2, y2, colour, width);
  }

  void Text(double x, double y, std::string_view anchor, const std::string& attributes,
            const std::string& text) {
    if (text.empty()) return;
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}{}>{}</text>\n", x, y,
                        anchor, attributes.empty() ? "" : " ", attributes, SvgEscape(text));
  }

  double X(double value) const { return x0_ + x_axis_.At(value) * width_; }
  double Y(double value) const { return y0_ - y_axis_.At(value) * height_; }

  const Plot& plot_;
  const std::string_view ink_;
  const std::string_view grid_;
  std::vector<const PlotSeries*> legend_;
  std::string out_;
  // Of the panel that is being drawn: its axes, its origin, and its extent.
  Axis x_axis_, y_axis_;
  double x0_ = 0, y0_ = 0, width_ = 0, height_ = 0;
};

}  // namespace

std::string RenderSvg(const Plot& plot) { return SvgWriter(plot).Write(); }

}  // namespace ebb
