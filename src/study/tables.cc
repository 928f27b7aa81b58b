#include "study/tables.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>

#include "base/file.h"
#include "stats/router.h"

namespace ebb {
namespace {

// Rows of fields, quoted where they must be.
class Csv {
 public:
  explicit Csv(const char* header) : text_(std::string(header) + "\n") {}

  Csv& Text(const std::string& text) {
    Separate();
    if (text.find_first_of(",\"\n\r") == std::string::npos) {
      text_ += text;
      return *this;
    }
    text_ += '"';
    for (const char c : text) {
      if (c == '"') text_ += '"';
      text_ += c;
    }
    text_ += '"';
    return *this;
  }
  Csv& Integer(int64_t value) {
    Separate();
    text_ += fmt::format("{}", value);
    return *this;
  }
  Csv& Real(std::optional<double> value) {
    Separate();
    if (value && std::isfinite(*value)) text_ += fmt::format("{:.9g}", *value);
    return *this;
  }
  // Value, low, high.
  Csv& Interval(const std::optional<Estimate>& estimate) {
    if (!estimate) return Real({}).Real({}).Real({});
    return Real(estimate->value).Real(estimate->interval.low).Real(estimate->interval.high);
  }
  void End() {
    text_ += '\n';
    at_start_ = true;
  }
  std::string Take() { return std::move(text_); }

 private:
  void Separate() {
    if (!at_start_) text_ += ',';
    at_start_ = false;
  }

  std::string text_;
  bool at_start_ = true;
};

struct Counted {
  int64_t items = 0;
  int64_t hits = 0;
};

Counted Count(const std::vector<uint8_t>& has, const std::vector<uint8_t>& verdicts) {
  Counted counted;
  for (size_t i = 0; i < has.size(); ++i) {
    counted.items += has[i];
    counted.hits += has[i] != 0 ? verdicts[i] : 0;
  }
  return counted;
}

class Tables {
 public:
  Tables(const StudyResults& results, const StudyAnalysis& analysis)
      : results_(results), analysis_(analysis) {}

  Result<std::vector<StudyTable>> Run() {
    EBB_TRY(Cells());
    Arms();
    Contrasts();
    Checks();
    Sensitivity();
    Failures();
    EBB_TRY(Router());
    Inside();
    Items();
    return std::move(tables_);
  }

 private:
  void Add(const char* name, Csv* csv) { tables_.push_back({name, csv->Take()}); }

  const std::string& DataName(int64_t data) const {
    return results_.data[static_cast<size_t>(data)].name;
  }
  const CellResults& FirstCell(const Arm& arm) const { return results_.cells[arm.cells.front()]; }

  static void AddCell(const CellResults& cell, Csv* csv) {
    csv->Text(cell.label).Text(cell.codec).Text(cell.bound).Real(cell.rate);
    csv->Text(cell.layers).Text(cell.experts);
  }

  // Every cell by itself.
  Status Cells() {
    Csv csv(
        "cell_id,data,label,codec,bound,rate,layers,experts,seed,coded_bytes,bits_per_weight,"
        "rmse_over_mean_abs,max_error_over_bound,items,ica,ica_low,ica_high,pia,pia_low,pia_high,"
        "in_format,kl_items,kl_tokens,mean_kl,top1_agreement,mean_nll");
    for (const CellResults& cell : results_.cells) {
      csv.Integer(cell.cell_id).Text(DataName(cell.data));
      AddCell(cell, &csv);
      csv.Integer(cell.seed);
      csv.Real(cell.coded_bytes ? std::optional<double>(static_cast<double>(*cell.coded_bytes))
                                : std::nullopt);
      csv.Real(cell.bits_per_weight).Real(cell.rmse_over_mean_abs).Real(cell.max_error_over_bound);
      const Counted ica = Count(cell.has_answer, cell.ica);
      const Counted pia = Count(cell.has_answer, cell.pia);
      const Counted format = Count(cell.has_answer, cell.in_format);
      csv.Integer(ica.items);
      for (const Counted& rate : {ica, pia}) {
        std::optional<Estimate> estimate;
        if (rate.items > 0) {
          EBB_TRY_ASSIGN(estimate, WilsonInterval(rate.hits, rate.items));
        }
        csv.Interval(estimate);
      }
      csv.Real(format.items == 0 ? std::nullopt
                                 : std::optional<double>(static_cast<double>(format.hits) /
                                                         static_cast<double>(format.items)));
      AddDivergence(cell, &csv);
      csv.End();
    }
    Add("cells.csv", &csv);
    return {};
  }

  static void AddDivergence(const CellResults& cell, Csv* csv) {
    int64_t items = 0;
    double tokens = 0;
    double kl = 0;
    double agreements = 0;
    double nll = 0;
    for (size_t i = 0; i < cell.has_kl.size(); ++i) {
      if (cell.has_kl[i] == 0) continue;
      ++items;
      tokens += cell.tokens[i];
      kl += cell.sum_kl[i];
      agreements += cell.agreements[i];
      nll += cell.sum_nll[i];
    }
    csv->Integer(items).Integer(static_cast<int64_t>(tokens));
    for (const double sum : {kl, agreements, nll}) csv->Real(sum / tokens);
  }

  // Empty: not asked for.
  static const char* StateOf(bool lacks, bool there, bool not_finite) {
    if (not_finite) return "not finite";
    if (lacks) return "not measured yet";
    return there ? "measured" : "";
  }

  // Cells that differ by seed only, on the items of their experiment.
  void Arms() {
    Csv csv(
        "experiment,arm,label,codec,bound,rate,layers,experts,seeds,bits_per_weight,"
        "rmse_over_mean_abs,ica,ica_low,ica_high,pia,pia_low,pia_high,in_format,in_format_low,"
        "in_format_high,mean_kl,mean_kl_low,mean_kl_high,median_kl,p99_kl,top1_agreement,"
        "top1_agreement_low,top1_agreement_high,answers,divergences");
    for (const Arm& arm : analysis_.arms) {
      const CellResults& cell = FirstCell(arm);
      csv.Text(results_.experiments[arm.experiment].name).Integer(arm.arm);
      AddCell(cell, &csv);
      csv.Integer(static_cast<int64_t>(arm.cells.size()));
      csv.Real(cell.bits_per_weight).Real(cell.rmse_over_mean_abs);
      csv.Interval(arm.ica).Interval(arm.pia).Interval(arm.in_format).Interval(arm.mean_kl);
      csv.Real(arm.mean_kl ? std::optional<double>(arm.median_kl) : std::nullopt);
      csv.Real(arm.mean_kl ? std::optional<double>(arm.p99_kl) : std::nullopt);
      csv.Interval(arm.top1_agreement);
      csv.Text(StateOf(arm.lacks_answers, arm.ica.has_value(), false));
      csv.Text(StateOf(arm.lacks_kl, arm.mean_kl.has_value(), arm.kl_not_finite)).End();
    }
    Add("arms.csv", &csv);
  }

  void Contrasts() {
    Csv csv(
        "experiment,kind,first,second,measure,items,difference,difference_low,difference_high,rose,"
        "fell,test,standard_error,freedom,p_value,p_adjusted,method,family,detectable,"
        "detectable_adjusted");
    for (const ContrastRow& row : analysis_.contrasts) {
      const PairedContrast& contrast = row.contrast;
      csv.Text(results_.experiments[row.experiment].name).Text(row.kind);
      csv.Text(row.first).Text(row.second).Text(std::string(MeasureName(row.measure)));
      csv.Integer(contrast.items).Interval(contrast.difference);
      csv.Integer(contrast.rose).Integer(contrast.fell);
      csv.Text(std::string(ContrastTestName(contrast.test)));
      const bool crossed = contrast.test == ContrastTest::kCrossed;
      csv.Real(crossed ? std::optional<double>(contrast.standard_error) : std::nullopt);
      csv.Real(crossed ? std::optional<double>(contrast.freedom) : std::nullopt);
      csv.Real(contrast.p_value).Real(row.p_adjusted).Text(row.method).Integer(row.family);
      csv.Real(row.detectable).Real(row.detectable_adjusted).End();
    }
    Add("contrasts.csv", &csv);
  }

  void Checks() {
    Csv csv("experiment,label,seed,items,changed_answers,changed_kl,ok,outcome");
    for (const NullCheck& check : analysis_.checks) {
      csv.Text(results_.experiments[check.experiment].name).Text(check.label).Integer(check.seed);
      csv.Integer(check.items).Integer(check.changed_answers).Integer(check.changed_kl);
      csv.Integer(check.ok() ? 1 : 0).Text(std::string(check.Outcome())).End();
    }
    Add("checks.csv", &csv);
  }

  // Divergence of single layers by bound: every arm that perturbs all experts of one layer.
  void Sensitivity() {
    Csv csv("experiment,codec,layer,bound,rate,bits_per_weight,mean_kl,mean_kl_low,mean_kl_high");
    for (const Arm& arm : analysis_.arms) {
      const CellResults& cell = FirstCell(arm);
      const bool single =
          !cell.layers.empty() && std::all_of(cell.layers.begin(), cell.layers.end(),
                                              [](char c) { return c >= '0' && c <= '9'; });
      if (!single || !cell.has_one_spec() || cell.experts != "all" || !arm.mean_kl) continue;
      csv.Text(results_.experiments[arm.experiment].name).Text(cell.codec).Text(cell.layers);
      csv.Text(cell.bound).Real(cell.rate).Real(cell.bits_per_weight).Interval(arm.mean_kl).End();
    }
    Add("sensitivity.csv", &csv);
  }

  void Failures() {
    std::string header = "experiment,arm,label";
    for (int f = 0; f < kFailureKinds; ++f) {
      header.append(",").append(FailureName(static_cast<Failure>(f)));
    }
    Csv csv(header.c_str());
    for (const Arm& arm : analysis_.arms) {
      if (!arm.ica) continue;
      csv.Text(results_.experiments[arm.experiment].name).Integer(arm.arm);
      csv.Text(FirstCell(arm).label);
      for (const double share : arm.failures) csv.Real(share);
      csv.End();
    }
    Add("failures.csv", &csv);
  }

  Status Router() {
    Csv csv("data,layer,selections,imbalance,utilisation,normalised_entropy,gini,counts");
    for (const RouterLayer& layer : results_.router) {
      EBB_TRY_ASSIGN(const RouterStatistics statistics, DescribeSelections(layer.counts));
      csv.Text(DataName(layer.data)).Integer(layer.layer).Integer(statistics.selections);
      csv.Real(statistics.imbalance).Real(statistics.utilisation);
      csv.Real(statistics.normalised_entropy).Real(statistics.gini);
      std::string counts;
      for (const int64_t count : layer.counts) {
        counts += fmt::format("{}{}", counts.empty() ? "" : " ", count);
      }
      csv.Text(counts).End();
    }
    Add("router.csv", &csv);
    return {};
  }

  // Of every cell, on the items that it is measured on; a field is empty if one of its sums is.
  void Inside() {
    Csv csv("cell_id,label,seed,layer,items,tokens,drift,router_flips,carried");
    for (const CellResults& cell : results_.cells) {
      std::vector<int64_t> items(cell.has_kl.size());
      std::iota(items.begin(), items.end(), int64_t{0});
      std::map<int64_t, InsideTotals> totals;
      AddInsideTotals(cell, items, &totals);
      for (const auto& [layer, of] : totals) {
        csv.Integer(cell.cell_id).Text(cell.label).Integer(cell.seed).Integer(layer);
        csv.Integer(of.items).Integer(static_cast<int64_t>(of.tokens));
        for (const double sum : {of.drift, of.flips, of.carried}) csv.Real(sum / of.tokens);
        csv.End();
      }
    }
    Add("inside.csv", &csv);
  }

  void Items() {
    Csv csv("cell_id,data,id,seed,ica,pia,in_format,failure");
    for (const CellResults& cell : results_.cells) {
      const DataResults& data = results_.data[static_cast<size_t>(cell.data)];
      for (size_t i = 0; i < cell.has_answer.size(); ++i) {
        if (cell.has_answer[i] == 0) continue;
        csv.Integer(cell.cell_id).Text(data.name).Text(data.ids[i]).Integer(cell.seed);
        csv.Integer(cell.ica[i]).Integer(cell.pia[i]).Integer(cell.in_format[i]);
        csv.Text(std::string(FailureName(cell.failure[i]))).End();
      }
    }
    Add("items.csv", &csv);
  }

  const StudyResults& results_;
  const StudyAnalysis& analysis_;
  std::vector<StudyTable> tables_;
};

}  // namespace

Result<std::vector<StudyTable>> MakeStudyTables(const StudyResults& results,
                                                const StudyAnalysis& analysis) {
  return Tables(results, analysis).Run();
}

Status WriteStudyTables(const std::vector<StudyTable>& tables, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return MakeError(ErrorCode::kIo, folder, "cannot make it: {}", error.message());
  for (const StudyTable& table : tables) {
    EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(folder + "/" + table.name));
    EBB_TRY(file.Append(table.csv));
    EBB_TRY(file.Commit());
  }
  return {};
}

}  // namespace ebb
