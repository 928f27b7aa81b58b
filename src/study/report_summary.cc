// What a study's page says first, and its last section: the contrasts.
#include <algorithm>
#include <cmath>

#include "study/report_parts.h"

namespace ebb {
namespace {

std::string MeasureText(Measure measure) {
  switch (measure) {
    case Measure::kIca:
      return "ICA";
    case Measure::kPia:
      return "PIA";
    case Measure::kKl:
      return "KL";
  }
  return "";
}

void AddUnfinished(const ReportInput& input, HtmlPage* page) {
  const auto count = [&](bool Arm::*what) {
    return std::count_if(input.analysis.arms.begin(), input.analysis.arms.end(),
                         [what](const Arm& arm) { return arm.*what; });
  };
  const auto answers = count(&Arm::lacks_answers);
  const auto kl = count(&Arm::lacks_kl);
  if (answers + kl > 0) {
    page->Note(fmt::format(
        "The study is not finished: of {} arms {} lack answers and {} lack divergences. What is "
        "not measured on all items is left out below.",
        input.analysis.arms.size(), answers, kl));
  }
  if (const auto broken = count(&Arm::kl_not_finite); broken > 0) {
    page->Note(fmt::format(
        "The divergence of {} arms is not finite on some item, so that they have no mean.",
        broken));
  }
}

void AddBaselines(const ReportInput& input, HtmlPage* page) {
  HtmlTable table;
  table.caption = "The unperturbed model; 95 % Wilson intervals.";
  table.csv = "cells.csv";
  table.header = {"data", "task", "items", "ICA", "PIA"};
  for (size_t d = 0; d < input.results.data.size(); ++d) {
    const DataResults& data = input.results.data[d];
    const CellResults& cell = input.results.cells[input.results.baselines[d]];
    const auto answered = std::count(cell.has_answer.begin(), cell.has_answer.end(), uint8_t{1});
    table.rows.push_back({data.name, data.task,
                          answered == data.items ? fmt::format("{}", data.items)
                                                 : fmt::format("{} of {}", answered, data.items),
                          RateText(CellRate(cell, RateKind::kIca)),
                          RateText(CellRate(cell, RateKind::kPia))});
  }
  page->Table(table);
}

// Whether these items could have shown anything less than the loss of all of them.
bool CouldHaveShown(const ContrastRow& row) {
  return std::isfinite(row.detectable_adjusted) &&
         (row.measure == Measure::kKl || row.detectable_adjusted < 1);
}

std::string DetectableOf(const ContrastRow& row) {
  return row.measure == Measure::kKl ? NumberText(row.detectable_adjusted)
                                     : fmt::format("{:.3f}", row.detectable_adjusted);
}

// "a drop of 0.004 to 0.011 would have shown": of the rows of one measure in which nothing was
// seen. Empty for no rows.
std::string DetectableText(const std::vector<const ContrastRow*>& unseen, const char* what) {
  const ContrastRow* least = nullptr;
  const ContrastRow* most = nullptr;
  size_t able = 0;
  for (const ContrastRow* row : unseen) {
    if (!CouldHaveShown(*row)) continue;
    ++able;
    if (least == nullptr || row->detectable_adjusted < least->detectable_adjusted) least = row;
    if (most == nullptr || row->detectable_adjusted > most->detectable_adjusted) most = row;
  }
  if (able == 0) return unseen.empty() ? "" : "these items could not have shown any";
  const std::string from = DetectableOf(*least);
  const std::string to = DetectableOf(*most);
  std::string text = fmt::format("a {} of {} would have shown", what,
                                 from == to ? from : fmt::format("{} to {}", from, to));
  if (able < unseen.size())
    text += fmt::format(" ({} could not have shown any)", unseen.size() - able);
  return text;
}

// Comparisons that had to find nothing and did not.
std::vector<std::string> FailedChecks(const ReportInput& input) {
  std::vector<std::string> failed;
  for (const NullCheck& check : input.analysis.checks) {
    if (!check.changed()) continue;
    failed.push_back(fmt::format("{}, seed {}: {} answers and {} divergences of {} items changed",
                                 check.label, check.seed, check.changed_answers, check.changed_kl,
                                 check.items));
  }
  for (const ContrastRow& row : input.analysis.contrasts) {
    if (row.kind != "seeds" || !row.differs()) continue;
    failed.push_back(
        fmt::format("{}: {} of half of the seeds differs from that of the others by "
                    "{} (adjusted p {})",
                    row.first, MeasureText(row.measure), NumberText(row.contrast.difference.value),
                    PValueText(row.p_adjusted)));
  }
  for (const Arm& arm : input.analysis.arms) {
    if (!arm.must_agree || !arm.kl_not_finite) continue;
    failed.push_back(fmt::format("{}: its divergence is not finite, so that seeds cannot agree",
                                 input.FirstCell(arm).label));
  }
  return failed;
}

std::string NullChecksText(const ReportInput& input, const CheckCounts& counts) {
  int64_t items = 0;
  for (const NullCheck& check : input.analysis.checks) items += check.complete ? check.items : 0;
  std::string text = fmt::format("Null checks: {} of {} came out null, to the bit, on {} items.",
                                 counts.null_checks - counts.changed - counts.null_unfinished,
                                 counts.null_checks, items);
  if (counts.null_unfinished > 0) {
    text += fmt::format(" {} are not measured yet.", counts.null_unfinished);
  }
  if (counts.changed + counts.null_unfinished == 0)
    text += " The machinery adds no error of its own.";
  return text;
}

std::string SeedChecksText(const ReportInput& input, const CheckCounts& counts) {
  const int64_t agree = counts.seed_contrasts - counts.seeds_differ - counts.seeds_unfinished;
  std::string text = fmt::format(
      "Noise of half of the seeds against that of the others: {} of {} comparisons find no "
      "difference{}",
      agree, counts.seed_contrasts, agree == counts.seed_contrasts ? ", as they must." : ".");
  if (counts.seeds_unfinished > 0) {
    text += fmt::format(" {} are not measured yet.", counts.seeds_unfinished);
  }
  for (const Measure measure : {Measure::kIca, Measure::kPia, Measure::kKl}) {
    std::vector<const ContrastRow*> unseen;
    for (const ContrastRow& row : input.analysis.contrasts) {
      if (row.kind == "seeds" && row.measure == measure && !row.differs()) unseen.push_back(&row);
    }
    const std::string sizes = DetectableText(unseen, "difference");
    if (!sizes.empty()) text += fmt::format(" {}: {}.", MeasureText(measure), sizes);
  }
  return text;
}

// Comparisons that must find nothing: whether they did.
void AddChecks(const ReportInput& input, HtmlPage* page) {
  const CheckCounts counts = input.analysis.CountChecks();
  if (const auto failed = FailedChecks(input); !failed.empty()) {
    page->Note("Checks that had to find nothing found something: every figure below is in doubt.");
    page->List(failed);
  }
  if (counts.null_checks > 0) page->Paragraph(NullChecksText(input, counts));
  if (counts.seed_contrasts > 0) page->Paragraph(SeedChecksText(input, counts));
}

// "layer 6 at rel:0.8": what a contrast's arm is called beside the other.
std::string SideName(const ReportInput& input, const ContrastRow& row, bool first) {
  if (!first && !row.second_arm) return "baseline";
  const CellResults& cell =
      input.FirstCell(input.analysis.arms[first ? row.first_arm : *row.second_arm]);
  return row.kind == "layers" ? LayersText(cell) : cell.label;
}

bool FirstIsHigher(const ContrastRow& row) { return row.contrast.difference.value > 0; }

// The pairs of one measure that differ, the higher one first; at most a few.
std::string NamePairs(const ReportInput& input, const std::vector<const ContrastRow*>& rows) {
  constexpr size_t kNamed = 6;
  std::string text;
  for (size_t r = 0; r < std::min(kNamed, rows.size()); ++r) {
    const ContrastRow& row = *rows[r];
    const bool first = FirstIsHigher(row);
    text += fmt::format("{}{} above {}", r == 0 ? "" : "; ", SideName(input, row, first),
                        SideName(input, row, !first));
    const CellResults& cell = input.FirstCell(input.analysis.arms[row.first_arm]);
    if (row.kind == "layers") text += " at " + cell.bound;
  }
  if (rows.size() > kNamed) text += fmt::format("; and {} more", rows.size() - kNamed);
  return text;
}

std::string UnseenVerdict(const ContrastRow& row) {
  if (!CouldHaveShown(row)) return "no effect seen (these items could not have shown any)";
  return fmt::format("no effect seen (a {} of {} would have shown)",
                     row.kind == "baseline" ? "drop" : "difference", DetectableOf(row));
}

// "1 of 12 fell; no effect seen in the other 11, where a drop of 0.008 would have shown": of one
// measure of an experiment's contrasts of one kind.
std::string FindingText(const ReportInput& input, const std::string& kind,
                        const std::vector<const ContrastRow*>& rows) {
  const bool is_baseline = kind == "baseline";
  std::vector<const ContrastRow*> found;
  std::vector<const ContrastRow*> unseen;
  for (const ContrastRow* row : rows) (row->differs() ? found : unseen).push_back(row);
  const auto rose = static_cast<size_t>(std::count_if(
      found.begin(), found.end(), [](const ContrastRow* row) { return FirstIsHigher(*row); }));
  std::string text;
  if (!found.empty() && is_baseline) {
    text = fmt::format("{} of {} fell", found.size() - rose, rows.size());
    if (rose > 0) text += fmt::format(", {} rose", rose);
  } else if (!found.empty()) {
    text = fmt::format("{} of {} {} ({})", found.size(), rows.size(),
                       found.size() == 1 ? "differs" : "differ", NamePairs(input, found));
  }
  if (unseen.empty()) return text;
  text += found.empty() ? fmt::format("no effect seen in {}", rows.size())
                        : fmt::format("; no effect seen in the other {}", unseen.size());
  return text + ", where " + DetectableText(unseen, is_baseline ? "drop" : "difference");
}

// What an experiment's contrasts of one kind say; measures that say the same say it together.
std::string FindingsText(const ReportInput& input, const std::string& kind, size_t experiment) {
  std::vector<std::pair<std::string, std::string>> parts;  // measures, what they say
  for (const Measure measure : {Measure::kIca, Measure::kPia, Measure::kKl}) {
    std::vector<const ContrastRow*> rows;
    for (const ContrastRow& row : input.analysis.contrasts) {
      if (row.experiment != experiment || row.kind != kind || row.measure != measure) continue;
      rows.push_back(&row);
    }
    if (rows.empty()) continue;
    const std::string text = FindingText(input, kind, rows);
    if (!parts.empty() && parts.back().second == text) {
      parts.back().first += " and " + MeasureText(measure);
    } else {
      parts.emplace_back(MeasureText(measure), text);
    }
  }
  std::string all;
  for (const auto& [measures, text] : parts) all += fmt::format(" {}: {}.", measures, text);
  return all;
}

void AddFindingsOf(const ReportInput& input, const char* kind, const char* heading,
                   HtmlPage* page) {
  std::vector<std::string> entries;
  for (size_t e = 0; e < input.results.experiments.size(); ++e) {
    const std::string text = FindingsText(input, kind, e);
    if (text.empty()) continue;
    const std::string title = TitleOf(input, e);
    const bool ends = title.ends_with('?') || title.ends_with('.') || title.ends_with('!');
    entries.push_back(title + (ends ? "" : ".") + text);
  }
  if (entries.empty()) return;
  page->Subheading(heading);
  page->List(entries);
}

void AddFindings(const ReportInput& input, HtmlPage* page) {
  AddFindingsOf(input, "baseline", "Against the unperturbed model, after correction for many tests",
                page);
  AddFindingsOf(input, "layers", "Between layers, after correction", page);
  AddFindingsOf(input, "codecs", "Codecs against the first of their experiment, after correction",
                page);
}

}  // namespace

std::string Verdict(const ReportInput& input, const ContrastRow& row) {
  const bool is_baseline = row.kind == "baseline";
  const bool higher = FirstIsHigher(row);
  if (!row.differs()) return UnseenVerdict(row);
  std::string verdict = is_baseline            ? (higher ? "rose" : "fell")
                        : row.kind == "layers" ? SideName(input, row, higher) + " is higher"
                        : row.kind == "seeds"  ? "differs, and must not"
                        : higher               ? "the first is higher"
                                               : "the second is higher";
  // The test is of the mean: few items that change much outweigh many that change little.
  const int64_t most = row.contrast.rose - row.contrast.fell;
  if (most > 0 && !higher) verdict += ", though more items rose than fell";
  if (most < 0 && higher) verdict += ", though more items fell than rose";
  return verdict;
}

void AddSummary(const ReportInput& input, HtmlPage* page) {
  page->Section("in-short", "In short");
  page->Paragraph(
      fmt::format("{} cells in {} experiments. ICA: right and in the format asked for. PIA: right, "
                  "wherever the "
                  "answer stands. KL: divergence of the next-token distribution from the "
                  "unperturbed model's, in "
                  "nats a token. Rate: the bound over the mean magnitude of an expert's weights.",
                  input.results.cells.size(), input.results.experiments.size()));
  AddUnfinished(input, page);
  AddBaselines(input, page);
  AddChecks(input, page);
  AddFindings(input, page);
}

static void AddContrastTable(const ReportInput& input, size_t experiment, HtmlPage* page) {
  HtmlTable table;
  table.header = {"kind", "first", "against", "measure",    "difference", "rose",
                  "fell", "test",  "p",       "adjusted p", "detectable", "verdict"};
  table.csv = "contrasts.csv";
  for (const ContrastRow& row : input.analysis.contrasts) {
    if (row.experiment != experiment) continue;
    const PairedContrast& contrast = row.contrast;
    const bool kl = row.measure == Measure::kKl;
    const auto number = [&](double v) {
      return kl || !std::isfinite(v) ? NumberText(v) : fmt::format("{:+.3f}", v);
    };
    const Estimate& difference = contrast.difference;
    const double detectable = row.detectable_adjusted;
    table.rows.push_back(
        {row.kind, row.first, row.second, MeasureText(row.measure),
         fmt::format("{} [{}, {}]", number(difference.value), number(difference.interval.low),
                     number(difference.interval.high)),
         fmt::format("{}", contrast.rose), fmt::format("{}", contrast.fell),
         std::string(ContrastTestName(contrast.test)), PValueText(contrast.p_value),
         fmt::format("{} ({})", PValueText(row.p_adjusted), row.method),
         kl ? NumberText(detectable) : fmt::format("{:.3f}", detectable), Verdict(input, row)});
  }
  if (table.rows.empty()) return;
  const ExperimentResults& of = input.Experiment(experiment);
  table.caption = of.about;
  page->BeginDetails(fmt::format("{}: {} comparisons",
                                 WithScope(input, of.name, ScopeOf(input, experiment)),
                                 table.rows.size()));
  page->Table(table);
  page->EndDetails();
}

void AddContrasts(const ReportInput& input, HtmlPage* page) {
  if (input.analysis.contrasts.empty()) return;
  page->Section("contrasts", "Contrasts");
  page->Paragraph(
      "Every comparison is paired by item. Where an arm has several seeds, p-values (two-sided) "
      "and "
      "95 % intervals are Student's t with items and seeds both counted as samples; a cell of one "
      "draw against the unperturbed model or another one has McNemar's exact test or, of "
      "divergence, flipped signs, and speaks of this one draw. Adjusted within an experiment by "
      "Holm (planned contrasts) or Benjamini and Hochberg (maps). Rose, fell: items whose mean "
      "over "
      "seeds is higher, lower. Detectable: the smallest difference that would have shown with a "
      "power of 0.8 even as the only one of its experiment, at 0.05 over the number of "
      "comparisons.");
  for (size_t e = 0; e < input.results.experiments.size(); ++e) AddContrastTable(input, e, page);
}

}  // namespace ebb
