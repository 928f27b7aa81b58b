// What coordinator and workers say to each other, as bytes: the same between threads and between
// machines.
//
// Thread-safety: pure functions and plain values. Bytes that make no sense are kCorrupt: kinds that
// there are not, rows without their table's columns, numbers of workers beyond any machine. Numbers
// of data sets, items, experts and workers are for those to check who know how many there are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/ids.h"
#include "base/error.h"
#include "study/sqlite.h"

namespace ebb {

// Of one rank, at most: far above any machine, and few enough to go through.
inline constexpr int64_t kMaxRankWorkers = 4096;

// Tables that workers write; the numbers are part of no format that is kept.
enum class ResultTable : uint8_t { kRouter, kError, kKl, kInside, kAnswer };
inline constexpr int kResultTables = 5;

// A row as the database wants it, in the order of its columns.
struct ResultRow {
  ResultTable table = ResultTable::kKl;
  std::vector<SqlValue> values;
};

enum class UnitKind : uint8_t { kRouter, kKl, kAnswers };
[[nodiscard]] std::string_view UnitKindName(UnitKind kind);

// A piece of a cell (or, of the router's statistics, of a data set) for one worker.
struct Unit {
  int64_t id = 0;
  UnitKind kind = UnitKind::kKl;
  int64_t data = 0;  // index of the data set
  int64_t cell = 0;  // cell_id; meaningless for kRouter
  bool inside = false;
  std::vector<std::string> specs;
  std::vector<std::vector<ExpertKey>> experts;  // of each specification
  std::vector<int64_t> items;                   // kRouter: the number of a block
};

enum class MessageKind : uint8_t {
  // to a rank
  kHello,  // text: a Greeting; pid
  kWork,
  kStop,  // number: 0 if all ranks end in good order, and may wait for each other
  // from a rank
  kReady,   // text: host; number: workers, up to kMaxRankWorkers; pid
  kRows,    // rows of `unit`
  kDone,    // `unit` is done; seconds, number: items
  kFailed,  // text: why `unit`, or the rank, cannot go on
  // both ways; the first from a rank says who it is: text: host; pid
  kBeat,
};

struct Message {
  MessageKind kind = MessageKind::kBeat;
  int64_t worker = 0;
  int64_t unit_id = 0;
  int64_t number = 0;
  int64_t pid = 0;
  double seconds = 0;
  std::string text;
  std::optional<Unit> unit;
  std::vector<ResultRow> rows;
};

// Who rank 0 is and what it works on.
struct Greeting {
  std::string program;  // ThisProgram()
  std::string study;    // StudyInputs::Fingerprint()
  std::string host;
};
[[nodiscard]] std::string GreetingText(const Greeting& greeting);
// What is missing stays empty.
[[nodiscard]] Greeting ReadGreeting(std::string_view text);

[[nodiscard]] std::string Pack(const Message& message);
[[nodiscard]] Result<Message> Unpack(std::string_view bytes);

}  // namespace ebb
