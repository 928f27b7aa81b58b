#include "study/scheduler.h"

#include <algorithm>

#include "eval/injection.h"
#include "study/worker.h"

namespace ebb {
namespace {

constexpr size_t kItemsAUnit = 256;  // enough to fill batches, few enough to share a cell out
constexpr int64_t kNoGroup = -1;

// The column of a result row that says which item (or block) it belongs to; Unpack has seen to it
// that it is there.
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
  cells_planned_ = true;
  SplitByGroups();
  return {};
}

void Scheduler::FitReferences(uint64_t bytes) {
  reference_bytes_ = bytes;
  GroupItems();
  if (cells_planned_) SplitByGroups();
}

// Items in order, as many in a group as fit.
void Scheduler::GroupItems() {
  groups_.clear();
  uint64_t all = 0;
  for (size_t d = 0; d < inputs_.data.size(); ++d) all += KlMeter::ReferenceBytes(inputs_, d);
  if (all <= *reference_bytes_) return;
  for (const StudyData& data : inputs_.data) {
    std::vector<int64_t>& groups = groups_.emplace_back();
    int64_t group = 0;
    uint64_t held = 0;
    for (int64_t i = 0; i < data.kl_items; ++i) {
      const uint64_t bytes =
          KlMeter::ReferenceBytes(data.texts[static_cast<size_t>(i)], inputs_.config);
      if (bytes > *reference_bytes_) {
        groups.push_back(kNoGroup);
        continue;
      }
      if (held + bytes > *reference_bytes_) {
        ++group;
        held = 0;
      }
      held += bytes;
      groups.push_back(group);
    }
  }
}

Scheduler::GroupKey Scheduler::GroupOf(const Unit& unit) const {
  if (unit.kind != UnitKind::kKl || groups_.empty()) return std::nullopt;
  const int64_t group =
      groups_[static_cast<size_t>(unit.data)].at(static_cast<size_t>(unit.items.front()));
  if (group == kNoGroup) return std::nullopt;
  return std::make_pair(unit.data, group);
}

// Cuts units of divergence where one group ends and the next begins, and puts them in the order of
// groups; what has no group comes last.
void Scheduler::SplitByGroups() {
  if (groups_.empty()) return;
  std::deque<Unit> whole;
  whole.swap(pending_);
  for (Unit& unit : whole) {
    if (unit.kind != UnitKind::kKl) {
      pending_.push_back(std::move(unit));
      continue;
    }
    const std::vector<int64_t>& groups = groups_[static_cast<size_t>(unit.data)];
    std::map<int64_t, std::vector<int64_t>> items;
    for (const int64_t i : unit.items) items[groups.at(static_cast<size_t>(i))].push_back(i);
    for (auto& [group, of_group] : items) AddUnits(unit, std::move(of_group), kItemsAUnit);
  }
  std::stable_sort(pending_.begin(), pending_.end(), [&](const Unit& a, const Unit& b) {
    const GroupKey key_a = GroupOf(a);
    const GroupKey key_b = GroupOf(b);
    if (key_a.has_value() != key_b.has_value()) return key_a.has_value();
    return key_a < key_b;
  });
}

Status Scheduler::PlanCell(size_t c, const std::vector<SelectionCounter>& selections) {
  const Cell& cell = inputs_.cells.cells[c];
  const StudyData& data = inputs_.data[cell.data];
  Unit unit;
  unit.data = static_cast<int64_t>(cell.data);
  unit.cell = store_.cell_id(c);
  unit.inside = cell.inside;
  CellWork& work = cells_[unit.cell];
  for (const InjectionSpec& spec : cell.specs) {
    work.specs.push_back(spec.text);
    work.experts.push_back(ChooseExperts(spec, inputs_.config, &selections[cell.data]));
  }
  EBB_TRY(store_.AddExperts(c, work.experts));
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

// First by groups of items, if there are any: that of the worker, else one that no other has, else
// the first. Among units of one group by cells, likewise.
std::deque<Unit>::iterator Scheduler::Choose(const WorkerId& worker) {
  const auto in_group = [&](const GroupKey& group) {
    return std::any_of(pending_.begin(), pending_.end(),
                       [&](const Unit& unit) { return GroupOf(unit) == group; });
  };
  const auto last = last_group_.find(worker);
  if (last != last_group_.end() && last->second && in_group(last->second)) {
    return ChooseAmong(worker, last->second);
  }
  for (const Unit& unit : pending_) {
    const GroupKey group = GroupOf(unit);
    if (!group) break;  // those come last
    if (std::none_of(last_group_.begin(), last_group_.end(),
                     [&](const auto& entry) { return entry.second == group; })) {
      return ChooseAmong(worker, group);
    }
  }
  return ChooseAmong(worker, GroupOf(pending_.front()));
}

// There must be such a unit.
std::deque<Unit>::iterator Scheduler::ChooseAmong(const WorkerId& worker, const GroupKey& group) {
  const auto find = [&](const auto& accepts) {
    return std::find_if(pending_.begin(), pending_.end(),
                        [&](const Unit& unit) { return accepts(unit) && GroupOf(unit) == group; });
  };
  const auto last = last_cell_.find(worker);
  if (last != last_cell_.end()) {
    const auto same = find([&](const Unit& unit) { return unit.cell == last->second; });
    if (same != pending_.end()) return same;
  }
  const auto free = find([&](const Unit& unit) {
    return std::none_of(last_cell_.begin(), last_cell_.end(),
                        [&](const auto& entry) { return entry.second == unit.cell; });
  });
  return free == pending_.end() ? find([](const Unit&) { return true; }) : free;
}

Result<std::optional<Unit>> Scheduler::Next(const WorkerId& worker) {
  if (pending_.empty() && running_.empty() && !cells_planned_) EBB_TRY(PlanCells());
  if (pending_.empty()) return std::optional<Unit>();
  const auto chosen = Choose(worker);
  Unit unit = std::move(*chosen);
  pending_.erase(chosen);
  last_cell_[worker] = unit.cell;
  last_group_[worker] = GroupOf(unit);
  if (unit.kind != UnitKind::kRouter) {
    unit.specs = cells_[unit.cell].specs;
    unit.experts = cells_[unit.cell].experts;
  }
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
    running.unit.specs.clear();
    running.unit.experts.clear();
    if (!running.unit.items.empty()) pending_.push_front(running.unit);
    last_cell_.erase(running.worker);
    last_group_.erase(running.worker);
    it = running_.erase(it);
  }
}

}  // namespace ebb
