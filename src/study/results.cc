#include "study/results.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

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
    EBB_TRY_ASSIGN(const SqlTransaction snapshot, SqlTransaction::BeginRead(database_));
    EBB_TRY(ReadFacts());
    EBB_TRY(ReadItems());
    EBB_TRY(ReadCells());
    EBB_TRY(ReadErrors());
    EBB_TRY(ReadKl());
    EBB_TRY(ReadAnswers());
    EBB_TRY(ReadExperiments());
    EBB_TRY(ReadMembers());
    EBB_TRY(ReadRouter());
    EBB_TRY(ReadInside());
    return std::move(results_);
  }

 private:
  // `row`: "kl, cell 5, item 3".
  Status Damaged(const std::string& row, std::string_view why) const {
    return MakeError(ErrorCode::kCorrupt, database_.path(),
                     "the database is damaged ({}: {}): restore it from a copy, or delete it and "
                     "run the study again",
                     row, why);
  }
  static std::string RowName(const char* table, const SqlStatement& row) {
    return fmt::format("{}, cell {}, item {}", table, row.Integer(0), row.Integer(1));
  }

  // The data set of that number; null if there is none.
  DataResults* DataAt(int64_t data) {
    const bool there = data >= 0 && static_cast<size_t>(data) < results_.data.size();
    return there ? &results_.data[static_cast<size_t>(data)] : nullptr;
  }

  Status ReadFacts() {
    EBB_TRY(ForRows(database_, "SELECT key, value FROM study", [&](SqlStatement& row) -> Status {
      results_.facts[row.Text(0)] = row.Text(1);
      return {};
    }));
    return ForRows(
        database_, "SELECT name, task, items, kl_items, data_id FROM data ORDER BY data_id",
        [&](SqlStatement& row) -> Status {
          if (row.Integer(4) != static_cast<int64_t>(results_.data.size())) {
            return Damaged(fmt::format("data, {}", row.Integer(4)), "numbers are missing");
          }
          results_.data.push_back({row.Text(0), row.Text(1), row.Integer(2), row.Integer(3), {}});
          return {};
        });
  }

  Status ReadItems() {
    json_.resize(results_.data.size());
    EBB_TRY(ForRows(
        database_, "SELECT data_id, item, id, row FROM item ORDER BY data_id, item",
        [&](SqlStatement& row) -> Status {
          DataResults* data = DataAt(row.Integer(0));
          if (data == nullptr || row.Integer(1) != static_cast<int64_t>(data->ids.size())) {
            return Damaged(fmt::format("item, data {}, item {}", row.Integer(0), row.Integer(1)),
                           data == nullptr ? "no such data" : "numbers are missing");
          }
          data->ids.push_back(row.Text(2));
          json_[static_cast<size_t>(row.Integer(0))].push_back(row.Text(3));
          return {};
        }));
    for (const DataResults& data : results_.data) {
      if (data.items != static_cast<int64_t>(data.ids.size()) || data.kl_items < 0 ||
          data.kl_items > data.items) {
        return Damaged("data, " + data.name, "it has not as many items as it says");
      }
      item_tokens_.emplace_back(data.ids.size(), int64_t{-1});
    }
    return {};
  }

  Status ReadCells() {
    std::vector<std::optional<size_t>> baselines(results_.data.size());
    EBB_TRY(ForRows(
        database_,
        "SELECT cell_id, data_id, baseline, label, codec, bound, rate, layers, experts, seed, "
        "measures_accuracy, measures_kl, measures_inside FROM cell ORDER BY cell_id",
        [&](SqlStatement& row) -> Status {
          const std::string name = fmt::format("cell, {}", row.Integer(0));
          if (DataAt(row.Integer(1)) == nullptr) return Damaged(name, "no such data");
          CellResults cell = MakeCell(row);
          if (cell.baseline) {
            auto& baseline = baselines[static_cast<size_t>(cell.data)];
            if (baseline) return Damaged(name, "a second baseline of its data");
            baseline = results_.cells.size();
          }
          by_id_[cell.cell_id] = results_.cells.size();
          results_.cells.push_back(std::move(cell));
          return {};
        }));
    for (size_t d = 0; d < baselines.size(); ++d) {
      if (!baselines[d]) {
        return Damaged("cell, data " + results_.data[d].name, "there is no baseline");
      }
      results_.baselines.push_back(*baselines[d]);
    }
    return {};
  }

  CellResults MakeCell(const SqlStatement& row) const {
    CellResults cell;
    cell.cell_id = row.Integer(0);
    cell.data = row.Integer(1);
    cell.baseline = row.Integer(2) != 0;
    cell.label = row.Text(3);
    cell.codec = row.Text(4);
    cell.bound = row.Text(5);
    cell.rate = OptionalReal(row, 6);
    cell.layers = row.Text(7);
    cell.experts = row.Text(8);
    cell.seed = row.Integer(9);
    cell.measures_accuracy = row.Integer(10) != 0;
    cell.measures_kl = row.Integer(11) != 0;
    cell.measures_inside = row.Integer(12) != 0;
    const size_t items = results_.data[static_cast<size_t>(cell.data)].ids.size();
    for (std::vector<uint8_t>* of :
         {&cell.has_answer, &cell.ica, &cell.pia, &cell.in_format, &cell.has_kl}) {
      of->resize(items);
    }
    cell.failure.resize(items);
    cell.answer_hash.resize(items);
    for (std::vector<double>* of : {&cell.tokens, &cell.sum_kl, &cell.agreements, &cell.sum_nll}) {
      of->resize(items);
    }
    cell.token_kl.resize(items);
    return cell;
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
                     if (cell == nullptr) return Damaged(RowName("error", row), "no such cell");
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
                     if (cell == nullptr) return Damaged(RowName("kl", row), "no such item");
                     return AddKl(row, i, cell);
                   });
  }

  Status AddKl(const SqlStatement& row, size_t i, CellResults* cell) {
    const int64_t tokens = row.Integer(2);
    const int64_t agreements = row.Integer(4);
    const auto bytes = row.Bytes(6);
    if (tokens < 0 || bytes.size() % sizeof(float) != 0 ||
        bytes.size() / sizeof(float) != static_cast<size_t>(tokens)) {
      return Damaged(RowName("kl", row), "token_kl has not a value for each of the tokens");
    }
    if (agreements < 0 || agreements > tokens) {
      return Damaged(RowName("kl", row), "more agreements than tokens");
    }
    // The text that is scored is the data's, the same for all cells.
    int64_t& of_item = item_tokens_[static_cast<size_t>(cell->data)][i];
    if (of_item >= 0 && of_item != tokens) {
      return Damaged(RowName("kl", row), "other cells have scored another number of tokens");
    }
    of_item = tokens;
    cell->has_kl[i] = 1;
    cell->tokens[i] = static_cast<double>(tokens);
    cell->sum_kl[i] = row.Real(3);
    cell->agreements[i] = static_cast<double>(agreements);
    cell->sum_nll[i] = row.Real(5);
    std::vector<float>& values = cell->token_kl[i];
    values.resize(bytes.size() / sizeof(float));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    const bool finite =
        std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    if (!finite && std::isfinite(cell->sum_kl[i])) {
      return Damaged(RowName("kl", row), "a token's value is not finite and their sum is");
    }
    return {};
  }

  Status ReadAnswers() {
    return ForRows(database_,
                   "SELECT cell_id, item, ica, pia, in_format, truncated, empty, looping, tokens, "
                   "stop_reason, text FROM answer",
                   [&](SqlStatement& row) -> Status {
                     size_t i = 0;
                     CellResults* cell = CellOf(row, &i);
                     if (cell == nullptr) return Damaged(RowName("answer", row), "no such item");
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
    return ForRows(
        database_,
        "SELECT name, about, data_id, compare, item_filter, experiment_id FROM experiment ORDER BY "
        "experiment_id",
        [&](SqlStatement& row) -> Status {
          const std::string name = fmt::format("experiment, {}", row.Integer(5));
          const auto compare = ContrastFromName(row.Text(3));
          if (row.Integer(5) != static_cast<int64_t>(results_.experiments.size())) {
            return Damaged(name, "numbers are missing");
          }
          if (DataAt(row.Integer(2)) == nullptr) return Damaged(name, "no such data");
          if (!compare) return Damaged(name, "no such comparison");
          ExperimentResults experiment;
          experiment.name = row.Text(0);
          experiment.about = row.Text(1);
          experiment.data = row.Integer(2);
          experiment.compare = *compare;
          experiment.where = row.Text(4);
          std::optional<ItemFilter> filter;
          if (!experiment.where.empty()) {
            auto parsed = ItemFilter::Parse(experiment.where);
            if (!parsed) return Damaged(name, "its item_filter cannot be read");
            filter = std::move(*parsed);
          }
          const auto& rows = json_[static_cast<size_t>(experiment.data)];
          for (size_t i = 0; i < rows.size(); ++i) {
            if (filter && !filter->Accepts(rows[i])) continue;
            experiment.items.push_back(static_cast<int64_t>(i));
          }
          results_.experiments.push_back(std::move(experiment));
          return {};
        });
  }

  Status ReadMembers() {
    return ForRows(
        database_,
        "SELECT experiment_id, cell_id, arm, against FROM experiment_cell ORDER BY 1, 3, 2",
        [&](SqlStatement& row) -> Status {
          const std::string name = fmt::format("experiment_cell, experiment {}, cell {}",
                                               row.Integer(0), row.Integer(1));
          const auto experiment = static_cast<size_t>(row.Integer(0));
          const auto cell = by_id_.find(row.Integer(1));
          if (experiment >= results_.experiments.size()) return Damaged(name, "no such experiment");
          if (cell == by_id_.end()) return Damaged(name, "no such cell");
          ExperimentResults& of = results_.experiments[experiment];
          if (results_.cells[cell->second].data != of.data) {
            return Damaged(name, "the cell is on other data");
          }
          ExperimentMember member = {cell->second, row.Integer(2), std::nullopt};
          if (!row.IsNull(3)) member.against = row.Integer(3);
          of.members.push_back(member);
          return {};
        });
  }

  Status ReadRouter() {
    return ForRows(
        database_,
        "SELECT data_id, layer, SUM(selections), expert, MIN(selections) FROM router GROUP BY "
        "data_id, layer, expert ORDER BY data_id, layer, expert",
        [&](SqlStatement& row) -> Status {
          const std::string name = fmt::format("router, data {}, layer {}, expert {}",
                                               row.Integer(0), row.Integer(1), row.Integer(3));
          if (DataAt(row.Integer(0)) == nullptr) return Damaged(name, "no such data");
          auto& router = results_.router;
          if (router.empty() || router.back().data != row.Integer(0) ||
              router.back().layer != row.Integer(1)) {
            router.push_back({row.Integer(0), row.Integer(1), {}});
          }
          if (row.Integer(3) != static_cast<int64_t>(router.back().counts.size())) {
            return Damaged(name, "experts before it are missing");
          }
          if (row.Integer(4) < 0) return Damaged(name, "a negative count");
          router.back().counts.push_back(row.Integer(2));
          return {};
        });
  }

  Status ReadInside() {
    return ForRows(
        database_,
        "SELECT cell_id, item, layer, tokens, sum_drift, flips, sum_carried FROM inside ORDER BY "
        "cell_id, layer, item",
        [&](SqlStatement& row) -> Status {
          size_t i = 0;
          CellResults* cell = CellOf(row, &i);
          if (cell == nullptr) return Damaged(RowName("inside", row), "no such item");
          const auto items = static_cast<size_t>(DataAt(cell->data)->kl_items);
          if (i >= items || row.Integer(3) < 0) {
            return Damaged(RowName("inside", row), "divergence is not measured on it");
          }
          if (cell->inside.empty() || cell->inside.back().layer != row.Integer(2)) {
            InsideItems layer;
            layer.layer = row.Integer(2);
            layer.has.resize(items);
            for (auto* of : {&layer.tokens, &layer.drift, &layer.flips, &layer.carried}) {
              of->resize(items);
            }
            cell->inside.push_back(std::move(layer));
          }
          InsideItems& layer = cell->inside.back();
          layer.has[i] = 1;
          layer.tokens[i] = static_cast<double>(row.Integer(3));
          layer.drift[i] = row.Real(4);
          layer.flips[i] = row.Real(5);
          layer.carried[i] = row.Real(6);
          return {};
        });
  }

  SqlDatabase& database_;
  StudyResults results_;
  std::map<int64_t, size_t> by_id_;
  std::vector<std::vector<std::string>> json_;     // rows of the data, by data set
  std::vector<std::vector<int64_t>> item_tokens_;  // scored, by data set and item; -1: not known
};

}  // namespace

void AddInsideTotals(const CellResults& cell, std::span<const int64_t> items,
                     std::map<int64_t, InsideTotals>* totals) {
  for (const InsideItems& layer : cell.inside) {
    InsideTotals& of = (*totals)[layer.layer];
    for (const int64_t item : items) {
      const auto i = static_cast<size_t>(item);
      if (i >= layer.has.size() || layer.has[i] == 0) continue;
      ++of.items;
      of.tokens += layer.tokens[i];
      of.drift += layer.drift[i];
      of.flips += layer.flips[i];
      of.carried += layer.carried[i];
    }
  }
}

Result<StudyResults> ReadStudyResults(SqlDatabase& database) { return Loader(database).Run(); }

}  // namespace ebb
