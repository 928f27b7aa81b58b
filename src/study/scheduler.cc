#include "study/scheduler.h"

#include <algorithm>

#include "eval/injection.h"
#include "study/worker.h"

namespace ebb {
namespace {

constexpr size_t kItemsAUnit = 256;  // enough to fill batches, few enough to share a cell out
constexpr uint64_t kReferenceBytes = uint64_t{1} << 30;

// The column of a result row that says which item (or block) it belongs to.
int64_t ItemOf(const ResultRow& row) { return std::get<int64_t>(row.values[1]); }

bool TellsItem(const Unit& unit, ResultTable table) {
  switch (unit.kind) {
    case UnitKind::kRouter:
      return table == ResultTable::kRouter;
    case UnitKind::kKl:
      return table == ResultTable::kKl;
    case UnitKind::kAnswers:
      return table == ResultTable::kAnswer;
  }
  return false;
}

std::vector<int64_t> Missing(const std::vector<uint8_t>& present) {
  std::vector<int64_t> items;
  for (size_t i = 0; i < present.size(); ++i) {
    if (present[i] == 0) items.push_back(static_cast<int64_t>(i));
  }
  return items;
}

}  // namespace

Status Scheduler::Start() {
  for (const Cell& cell : inputs_.cells.cells) {
    const StudyData& data = inputs_.data[cell.data];
    if (cell.kl) items_total_ += static_cast<uint64_t>(data.kl_items);
    if (cell.accuracy) items_total_ += data.items.size();
  }
  EBB_TRY(PlanRouter());
  if (pending_.empty()) EBB_TRY(PlanCells());
  return {};
}

Status Scheduler::PlanRouter() {
  for (size_t d = 0; d < inputs_.data.size(); ++d) {
    const auto items = static_cast<int64_t>(inputs_.data[d].items.size());
    const int64_t blocks = (items + kRouterBlockItems - 1) / kRouterBlockItems;
    EBB_TRY_ASSIGN(
        const std::vector<uint8_t> present,
        store_.Present(ResultTable::kRouter, static_cast<int64_t>(d), static_cast<size_t>(blocks)));
    Unit unit;
    unit.kind = UnitKind::kRouter;
    unit.data = static_cast<int64_t>(d);
    unit.cell = store_.cell_id(d);
    AddUnits(unit, Missing(present), 1);
  }
  return {};
}

Status Scheduler::PlanCells() {
  std::vector<SelectionCounter> selections;
  for (size_t d = 0; d < inputs_.data.size(); ++d) {
    selections.emplace_back(inputs_.config);
    EBB_TRY(store_.ReadSelections(d, &selections.back()));
  }
  EBB_TRY_ASSIGN(SqlTransaction transaction, SqlTransaction::Begin(store_.database()));
  for (size_t c = 0; c < inputs_.cells.cells.size(); ++c) EBB_TRY(PlanCell(c, selections));
  EBB_TRY(transaction.Commit());
  // Where the unperturbed model's logits do not fit into memory, all cells are measured on some
  // items before the next items.
  for (size_t d = 0; d < inputs_.data.size(); ++d) {
    if (KlMeter::ReferenceBytes(inputs_, d) <= kReferenceBytes) continue;
    std::stable_sort(pending_.begin(), pending_.end(), [](const Unit& a, const Unit& b) {
      if (a.kind != b.kind) return a.kind < b.kind;
      return a.kind == UnitKind::kKl && a.items.front() < b.items.front();
    });
    break;
  }
  cells_planned_ = true;
  return {};
}

Status Scheduler::PlanCell(size_t c, const std::vector<SelectionCounter>& selections) {
  const Cell& cell = inputs_.cells.cells[c];
  const StudyData& data = inputs_.data[cell.data];
  Unit unit;
  unit.data = static_cast<int64_t>(cell.data);
  unit.cell = store_.cell_id(c);
  unit.inside = cell.inside;
  for (const InjectionSpec& spec : cell.specs) {
    unit.specs.push_back(spec.text);
    unit.experts.push_back(ChooseExperts(spec, inputs_.config, &selections[cell.data]));
  }
  EBB_TRY(store_.AddExperts(c, unit.experts));
  if (cell.kl) {
    EBB_TRY_ASSIGN(std::vector<uint8_t> present,
                   store_.Present(ResultTable::kKl, unit.cell, static_cast<size_t>(data.kl_items)));
    if (cell.inside) {
      EBB_TRY_ASSIGN(const std::vector<uint8_t> inside,
                     store_.Present(ResultTable::kInside, unit.cell, present.size()));
      for (size_t i = 0; i < present.size(); ++i) present[i] &= inside[i];
    }
    const std::vector<int64_t> missing = Missing(present);
    items_done_ += present.size() - missing.size();
    unit.kind = UnitKind::kKl;
    AddUnits(unit, missing, kItemsAUnit);
  }
  if (cell.accuracy) {
    EBB_TRY_ASSIGN(const std::vector<uint8_t> present,
                   store_.Present(ResultTable::kAnswer, unit.cell, data.items.size()));
    const std::vector<int64_t> missing = Missing(present);
    items_done_ += present.size() - missing.size();
    unit.kind = UnitKind::kAnswers;
    AddUnits(unit, missing, kItemsAUnit);
  }
  return {};
}

void Scheduler::AddUnits(Unit unit, std::vector<int64_t> items, size_t items_a_unit) {
  for (size_t first = 0; first < items.size(); first += items_a_unit) {
    const size_t end = std::min(items.size(), first + items_a_unit);
    unit.items.assign(items.begin() + static_cast<std::ptrdiff_t>(first),
                      items.begin() + static_cast<std::ptrdiff_t>(end));
    unit.id = next_id_++;
    pending_.push_back(unit);
  }
}

// The cell that the worker has at hand, else one that no other has, else any.
std::deque<Unit>::iterator Scheduler::Choose(const WorkerId& worker) {
  const auto last = last_cell_.find(worker);
  if (last != last_cell_.end()) {
    const auto same = std::find_if(pending_.begin(), pending_.end(),
                                   [&](const Unit& unit) { return unit.cell == last->second; });
    if (same != pending_.end()) return same;
  }
  const auto free = std::find_if(pending_.begin(), pending_.end(), [&](const Unit& unit) {
    return std::none_of(last_cell_.begin(), last_cell_.end(),
                        [&](const auto& entry) { return entry.second == unit.cell; });
  });
  return free == pending_.end() ? pending_.begin() : free;
}

Result<std::optional<Unit>> Scheduler::Next(const WorkerId& worker) {
  if (pending_.empty() && running_.empty() && !cells_planned_) EBB_TRY(PlanCells());
  if (pending_.empty()) return std::optional<Unit>();
  const auto chosen = Choose(worker);
  Unit unit = std::move(*chosen);
  pending_.erase(chosen);
  last_cell_[worker] = unit.cell;
  running_[unit.id] = {unit, worker, std::set<int64_t>(unit.items.begin(), unit.items.end())};
  return std::optional<Unit>(std::move(unit));
}

void Scheduler::Received(int64_t unit_id, const std::vector<ResultRow>& rows) {
  const auto found = running_.find(unit_id);
  if (found == running_.end()) return;
  Running& running = found->second;
  for (const ResultRow& row : rows) {
    if (!TellsItem(running.unit, row.table)) continue;
    if (running.left.erase(ItemOf(row)) > 0 && running.unit.kind != UnitKind::kRouter) {
      ++items_done_;
    }
  }
}

std::optional<Unit> Scheduler::Finished(int64_t unit_id) {
  const auto found = running_.find(unit_id);
  if (found == running_.end()) return std::nullopt;
  Unit unit = std::move(found->second.unit);
  running_.erase(found);
  return unit;
}

void Scheduler::Lost(int rank) {
  for (auto it = running_.begin(); it != running_.end();) {
    Running& running = it->second;
    if (running.worker.rank != rank) {
      ++it;
      continue;
    }
    running.unit.items.assign(running.left.begin(), running.left.end());
    running.unit.id = next_id_++;
    if (!running.unit.items.empty()) pending_.push_front(running.unit);
    last_cell_.erase(running.worker);
    it = running_.erase(it);
  }
}

}  // namespace ebb
