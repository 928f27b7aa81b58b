#include "base/svg_heat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/svg_text.h"

namespace ebb {
namespace {

constexpr double kLeastLeft = 62;
constexpr double kTop = 34;
constexpr double kBottom = 52;
constexpr double kScaleWidth = 92;  // right of the cells: gap, scale and its labels
constexpr double kCellHeight = 24;
constexpr double kMaxWidth = 900;      // of all cells together
constexpr double kLeastForText = 34;   // cells narrower than this have no number
constexpr double kLeastForLabel = 22;  // columns narrower than this are not all named
constexpr size_t kFewColumns = 10;     // each wide enough for its name
constexpr double kCharWidth = 7;       // about, at font size 12

// Shares 0 .. 1 of the way from the least value to the greatest.
constexpr std::array<std::array<double, 3>, 5> kColours = {
    {{247, 251, 255}, {198, 219, 239}, {107, 174, 214}, {33, 113, 181}, {8, 48, 107}}};

std::string ColourOf(double share) {
  const double place = std::clamp(share, 0.0, 1.0) * (kColours.size() - 1);
  const auto below = std::min(static_cast<size_t>(place), kColours.size() - 2);
  const double weight = place - static_cast<double>(below);
  std::array<int, 3> rgb{};
  for (size_t c = 0; c < 3; ++c) {
    rgb[c] = static_cast<int>(
        std::lround(kColours[below][c] * (1 - weight) + kColours[below + 1][c] * weight));
  }
  return fmt::format("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]);
}

class HeatWriter {
 public:
  explicit HeatWriter(const HeatMap& map) : map_(map) {
    EBB_CHECK(map.values.size() == map.rows.size() * map.columns.size());
    for (const double value : map.values) {
      if (!std::isfinite(value) || (map.log && value <= 0)) continue;
      low_ = std::min(low_, value);
      high_ = std::max(high_, value);
    }
    if (!map.log && map.from_zero) low_ = std::min(0.0, low_);
    if (!(low_ < high_)) high_ = low_ > high_ ? (low_ = 0, 1) : low_ + 1;
    size_t longest = 1;
    for (const double value : map.values) longest = std::max(longest, Number(value).size());
    double wanted = std::max(kLeastForText, static_cast<double>(longest) * kCharWidth + 6);
    if (map.columns.size() <= kFewColumns) wanted = std::max(wanted, TextWidth(map.columns) + 10);
    left_ = std::max(kLeastLeft, TextWidth(map.rows) + 34);
    const auto columns = static_cast<double>(std::max<size_t>(1, map.columns.size()));
    cell_width_ = std::min(wanted, kMaxWidth / columns);
    with_numbers_ = cell_width_ >= wanted;
  }

  std::string Write() {
    const double width = cell_width_ * static_cast<double>(map_.columns.size());
    const double height = kCellHeight * static_cast<double>(map_.rows.size());
    out_ = SvgOpening(left_ + width + kScaleWidth, kTop + height + kBottom, map_.themed);
    ink_ = map_.themed ? "currentColor" : "#000000";
    Text(left_ + width / 2, kTop - 12, "middle", ink_, "font-weight=\"bold\"", map_.title);
    for (size_t r = 0; r < map_.rows.size(); ++r) {
      for (size_t c = 0; c < map_.columns.size(); ++c) Cell(r, c);
      Text(left_ - 6, CellTop(r) + kCellHeight / 2 + 4.5, "end", ink_, "", map_.rows[r]);
    }
    const auto step = static_cast<size_t>(std::ceil(kLeastForLabel / cell_width_));
    for (size_t c = 0; c < map_.columns.size(); c += step) {
      Text(left_ + (static_cast<double>(c) + 0.5) * cell_width_, kTop + height + 17, "middle", ink_,
           "", map_.columns[c]);
    }
    Text(left_ + width / 2, kTop + height + 40, "middle", ink_, "", map_.x_label);
    const double middle = kTop + height / 2;
    Text(18, middle, "middle", ink_, fmt::format("transform=\"rotate(-90 18 {:.1f})\"", middle),
         map_.y_label);
    Scale(left_ + width + 18, height);
    return out_ + "</svg>\n";
  }

 private:
  // About, of the longest.
  static double TextWidth(const std::vector<std::string>& texts) {
    size_t longest = 0;
    for (const std::string& text : texts) longest = std::max(longest, text.size());
    return static_cast<double>(longest) * kCharWidth;
  }

  double CellTop(size_t row) const { return kTop + static_cast<double>(row) * kCellHeight; }

  double ShareOf(double value) const {
    if (!map_.log) return (value - low_) / (high_ - low_);
    return value <= 0 ? 0 : std::log(value / low_) / std::log(high_ / low_);
  }

  std::string Number(double value) const {
    if (!std::isfinite(value)) return "";
    if (map_.percent) return fmt::format("{:.1f}", value * 100);
    if (value == 0) return "0";
    return std::abs(value) < 0.01 || std::abs(value) >= 1000 ? fmt::format("{:.1e}", value)
                                                             : fmt::format("{:.3g}", value);
  }

  void Cell(size_t row, size_t column) {
    const double value = map_.values[row * map_.columns.size() + column];
    if (!std::isfinite(value)) return;
    const double x = left_ + static_cast<double>(column) * cell_width_;
    const double share = ShareOf(value);
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"><title>{} "
        "{}, {} {}: {}</title></rect>\n",
        x, CellTop(row), cell_width_, kCellHeight, ColourOf(share), SvgEscape(map_.y_label),
        SvgEscape(map_.rows[row]), SvgEscape(map_.x_label), SvgEscape(map_.columns[column]),
        Number(value));
    if (!with_numbers_) return;
    Text(x + cell_width_ / 2, CellTop(row) + kCellHeight / 2 + 4.5, "middle",
         share > 0.55 ? "#ffffff" : "#000000", "font-size=\"12\"", Number(value));
  }

  // The colours from the least value (below) to the greatest.
  void Scale(double x, double height) {
    constexpr int kSteps = 24;
    for (int i = 0; i < kSteps; ++i) {
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"{:.1f}\" fill=\"{}\"/>\n", x,
          kTop + height - height * (i + 1) / kSteps, height / kSteps + 0.5,
          ColourOf((i + 0.5) / kSteps));
    }
    Text(x + 16, kTop + 10, "start", ink_, "font-size=\"12\"", Number(high_));
    Text(x + 16, kTop + height, "start", ink_, "font-size=\"12\"", Number(low_));
  }

  void Text(double x, double y, std::string_view anchor, std::string_view fill,
            const std::string& attributes, const std::string& text) {
    if (text.empty()) return;
    out_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\"{}{}>{}</text>\n", x, y,
        anchor, fill, attributes.empty() ? "" : " ", attributes, SvgEscape(text));
  }

  const HeatMap& map_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
  double left_ = 0;
  double cell_width_ = 0;
  bool with_numbers_ = false;
  std::string_view ink_;
  std::string out_;
};

}  // namespace

std::string RenderSvg(const HeatMap& map) { return HeatWriter(map).Write(); }

}  // namespace ebb
