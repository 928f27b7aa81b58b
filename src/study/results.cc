#include "study/results.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace ebb {
namespace {

std::optional<double> OptionalReal(const SqlStatement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Real(column);
}

// Calls body(statement) for each row.
template <typename Body>
Status ForRows(SqlDatabase& database, const char* sql, const Body& body) {
  EBB_TRY_ASSIGN(SqlStatement select, database.Prepare(sql));
  while (true) {
    EBB_TRY_ASSIGN(const bool row, select.Step());
    if (!row) return {};
    EBB_TRY(body(select));
  }
}

class Loader {
 public:
  explicit Loader(SqlDatabase& database) : database_(database) {}

  Result<StudyResults> Run() {
    EBB_TRY(ReadFacts());
    EBB_TRY(ReadCells());
    EBB_TRY(ReadErrors());
    EBB_TRY(ReadKl());
    EBB_TRY(ReadAnswers());
    EBB_TRY(ReadExperiments());
    EBB_TRY(ReadRouter());
    EBB_TRY(ReadInside());
    return std::move(results_);
  }

 private:
  Status Damaged(const char* what) const {
    return MakeError(ErrorCode::kCorrupt, database_.path(), "the table {} makes no sense", what);
  }

  Status ReadFacts() {
    EBB_TRY(ForRows(database_, "SELECT key, value FROM study", [&](SqlStatement& row) -> Status {
      results_.facts[row.Text(0)] = row.Text(1);
      return {};
    }));
    EBB_TRY(ForRows(
        database_, "SELECT name, task, items, kl_items FROM data ORDER BY data_id",
        [&](SqlStatement& row) -> Status {
          results_.data.push_back({row.Text(0), row.Text(1), row.Integer(2), row.Integer(3), {}});
          return {};
        }));
    return ForRows(database_, "SELECT data_id, id, row FROM item ORDER BY data_id, item",
                   [&](SqlStatement& row) -> Status {
                     const auto data = static_cast<size_t>(row.Integer(0));
                     if (data >= results_.data.size()) return Damaged("item");
                     results_.data[data].ids.push_back(row.Text(1));
                     json_.resize(results_.data.size());
                     json_[data].push_back(row.Text(2));
                     return {};
                   });
  }

  Status ReadCells() {
    results_.baselines.resize(results_.data.size());
    return ForRows(
        database_,
        "SELECT cell_id, data_id, baseline, label, codec, bound, rate, layers, experts, seed FROM "
        "cell ORDER BY cell_id",
        [&](SqlStatement& row) -> Status {
          CellResults cell;
          cell.cell_id = row.Integer(0);
          cell.data = row.Integer(1);
          const auto data = static_cast<size_t>(cell.data);
          if (data >= results_.data.size()) return Damaged("cell");
          cell.baseline = row.Integer(2) != 0;
          cell.label = row.Text(3);
          cell.codec = row.Text(4);
          cell.bound = row.Text(5);
          cell.rate = OptionalReal(row, 6);
          cell.layers = row.Text(7);
          cell.experts = row.Text(8);
          cell.seed = row.Integer(9);
          const size_t items = results_.data[data].ids.size();
          cell.has_answer.resize(items);
          cell.ica.resize(items);
          cell.pia.resize(items);
          cell.in_format.resize(items);
          cell.failure.resize(items);
          cell.answer_hash.resize(items);
          cell.has_kl.resize(items);
          cell.tokens.resize(items);
          cell.sum_kl.resize(items);
          cell.agreements.resize(items);
          cell.sum_nll.resize(items);
          cell.token_kl.resize(items);
          by_id_[cell.cell_id] = results_.cells.size();
          if (cell.baseline) results_.baselines[data] = results_.cells.size();
          results_.cells.push_back(std::move(cell));
          return {};
        });
  }

  // The cell of a row's first column; null if there is none or the item (second column) is none of
  // its own.
  CellResults* CellOf(const SqlStatement& row, size_t* item) {
    const auto found = by_id_.find(row.Integer(0));
    if (found == by_id_.end()) return nullptr;
    CellResults& cell = results_.cells[found->second];
    *item = static_cast<size_t>(row.Integer(1));
    return *item < cell.has_kl.size() ? &cell : nullptr;
  }

  Status ReadErrors() {
    // Several specifications count by their weights.
    return ForRows(database_,
                   "SELECT cell_id, 0, SUM(coded_bytes), SUM(coded_bytes) * 8.0 / SUM(weights), "
                   "SQRT(SUM(rmse_over_mean_abs * rmse_over_mean_abs * weights) / SUM(weights)), "
                   "MAX(max_error_over_bound), COUNT(*) = COUNT(coded_bytes) FROM error GROUP BY "
                   "cell_id",
                   [&](SqlStatement& row) -> Status {
                     size_t item = 0;
                     CellResults* cell = CellOf(row, &item);
                     if (cell == nullptr) return Damaged("error");
                     if (row.Integer(6) != 0) {
                       cell->coded_bytes = row.Integer(2);
                       cell->bits_per_weight = OptionalReal(row, 3);
                     }
                     cell->rmse_over_mean_abs = OptionalReal(row, 4);
                     cell->max_error_over_bound = OptionalReal(row, 5);
                     return {};
                   });
  }

  Status ReadKl() {
    return ForRows(database_,
                   "SELECT cell_id, item, tokens, sum_kl, agreements, sum_nll, token_kl FROM kl",
                   [&](SqlStatement& row) -> Status {
                     size_t i = 0;
                     CellResults* cell = CellOf(row, &i);
                     const auto bytes = row.Bytes(6);
                     if (cell == nullptr || bytes.size() % sizeof(float) != 0) return Damaged("kl");
                     cell->has_kl[i] = 1;
                     cell->tokens[i] = static_cast<double>(row.Integer(2));
                     cell->sum_kl[i] = row.Real(3);
                     cell->agreements[i] = static_cast<double>(row.Integer(4));
                     cell->sum_nll[i] = row.Real(5);
                     cell->token_kl[i].resize(bytes.size() / sizeof(float));
                     std::memcpy(cell->token_kl[i].data(), bytes.data(), bytes.size());
                     return {};
                   });
  }

  Status ReadAnswers() {
    return ForRows(database_,
                   "SELECT cell_id, item, ica, pia, in_format, truncated, empty, looping, tokens, "
                   "stop_reason, text FROM answer",
                   [&](SqlStatement& row) -> Status {
                     size_t i = 0;
                     CellResults* cell = CellOf(row, &i);
                     if (cell == nullptr) return Damaged("answer");
                     cell->has_answer[i] = 1;
                     cell->ica[i] = row.Integer(2) != 0;
                     cell->pia[i] = row.Integer(3) != 0;
                     cell->in_format[i] = row.Integer(4) != 0;
                     cell->failure[i] =
                         ClassifyFailure(cell->pia[i] != 0, cell->ica[i] != 0, row.Integer(6) != 0,
                                         row.Integer(7) != 0, row.Integer(5) != 0);
                     const std::string output =
                         fmt::format("{}|{}|{}", row.Integer(8), row.Text(9), row.Text(10));
                     cell->answer_hash[i] =
                         Xxh3(std::as_bytes(std::span(output.data(), output.size())));
                     return {};
                   });
  }

  Status ReadExperiments() {
    EBB_TRY(ForRows(database_,
                    "SELECT name, about, data_id, compare, item_filter FROM experiment ORDER BY "
                    "experiment_id",
                    [&](SqlStatement& row) -> Status {
                      ExperimentResults experiment;
                      experiment.name = row.Text(0);
                      experiment.about = row.Text(1);
                      experiment.data = row.Integer(2);
                      const auto data = static_cast<size_t>(experiment.data);
                      const auto compare = ContrastFromName(row.Text(3));
                      if (!compare || data >= json_.size()) return Damaged("experiment");
                      experiment.compare = *compare;
                      std::optional<ItemFilter> filter;
                      if (!row.Text(4).empty()) {
                        EBB_TRY_ASSIGN(filter, ItemFilter::Parse(row.Text(4)));
                      }
                      for (size_t i = 0; i < json_[data].size(); ++i) {
                        if (!filter || filter->Accepts(json_[data][i])) {
                          experiment.items.push_back(static_cast<int64_t>(i));
                        }
                      }
                      results_.experiments.push_back(std::move(experiment));
                      return {};
                    }));
    return ForRows(
        database_,
        "SELECT experiment_id, cell_id, arm, against FROM experiment_cell ORDER BY 1, 3, 2",
        [&](SqlStatement& row) -> Status {
          const auto experiment = static_cast<size_t>(row.Integer(0));
          const auto cell = by_id_.find(row.Integer(1));
          if (experiment >= results_.experiments.size() || cell == by_id_.end()) {
            return Damaged("experiment_cell");
          }
          ExperimentMember member = {cell->second, row.Integer(2), std::nullopt};
          if (!row.IsNull(3)) member.against = row.Integer(3);
          results_.experiments[experiment].members.push_back(member);
          return {};
        });
  }

  Status ReadRouter() {
    return ForRows(database_,
                   "SELECT data_id, layer, SUM(selections) FROM router GROUP BY data_id, layer, "
                   "expert ORDER BY data_id, layer, expert",
                   [&](SqlStatement& row) -> Status {
                     auto& router = results_.router;
                     if (router.empty() || router.back().data != row.Integer(0) ||
                         router.back().layer != row.Integer(1)) {
                       router.push_back({row.Integer(0), row.Integer(1), {}});
                     }
                     router.back().counts.push_back(row.Integer(2));
                     return {};
                   });
  }

  Status ReadInside() {
    return ForRows(database_,
                   "SELECT cell_id, 0, layer, SUM(tokens), SUM(sum_drift), SUM(flips), "
                   "SUM(sum_carried) FROM inside GROUP BY cell_id, layer ORDER BY cell_id, layer",
                   [&](SqlStatement& row) -> Status {
                     size_t unused = 0;
                     if (CellOf(row, &unused) == nullptr) return Damaged("inside");
                     InsideMeans means;
                     means.cell = by_id_.at(row.Integer(0));
                     means.layer = row.Integer(2);
                     means.tokens = row.Integer(3);
                     const double tokens = std::max(1.0, static_cast<double>(means.tokens));
                     means.drift = row.Real(4) / tokens;
                     if (!row.IsNull(5)) means.flips = row.Real(5) / tokens;
                     if (!row.IsNull(6)) means.carried = row.Real(6) / tokens;
                     results_.inside.push_back(means);
                     return {};
                   });
  }

  SqlDatabase& database_;
  StudyResults results_;
  std::map<int64_t, size_t> by_id_;
  std::vector<std::vector<std::string>> json_;  // rows of the data, by data set
};

}  // namespace

Result<StudyResults> ReadStudyResults(SqlDatabase& database) { return Loader(database).Run(); }

}  // namespace ebb
