// Messages between ranks: what comes over the wire is refused unless it makes sense.
#include "study/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "study/small_study.h"
#include "study/worker_pool.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kHuge = int64_t{1} << 60;

Message FullMessage() {
  Message message;
  message.kind = MessageKind::kWork;
  message.worker = 3;
  message.text = "t";
  message.unit = Unit{7, UnitKind::kAnswers, 1, 2, true, {"a", "b"}, {{{{1}, {2}}}, {}}, {4, 5}};
  const int64_t n = 1;
  message.rows = {{ResultTable::kRouter, {n, n, n, n, n}},
                  {ResultTable::kError, {n, n, "s", n, n, n, 0.5, 0.5, 0.5}},
                  {ResultTable::kError,
                   {n, n, "s", n, n, std::monostate(), std::monostate(), 0.5, std::monostate()}},
                  {ResultTable::kKl, {n, n, n, 0.5, 0.5, n, 0.5, Blob(3)}},
                  {ResultTable::kInside, {n, n, n, n, 0.5, n, 0.5}},
                  {ResultTable::kInside, {n, n, n, n, 0.5, std::monostate(), std::monostate()}},
                  {ResultTable::kAnswer,
                   {n, n, n, "stop", "x", "tier", std::monostate(), "rule", n, n, n, n, n, n}}};
  return message;
}

TEST(WireTest, MessagesSurviveAndDamagedOnesAreRefused) {
  const std::string bytes = Pack(FullMessage());
  const auto back = Unpack(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().ToString();
  EXPECT_EQ(Pack(*back), bytes);
  EXPECT_EQ(back->unit->experts[0][0].expert.value, 2);
  EXPECT_EQ(std::get<double>(back->rows[3].values[3]), 0.5);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Unpack(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(Unpack(bytes + "x").has_value());
  // Any byte may be another: no crash, no huge allocation.
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(0xff);
    static_cast<void>(Unpack(damaged));
  }
}

TEST(WireTest, ValuesThatMakeNoSenseAreRefused) {
  const auto refused = [](const std::function<void(Message&)>& change) {
    Message message = FullMessage();
    change(message);
    const auto back = Unpack(Pack(message));
    return !back && back.error().code == ErrorCode::kCorrupt;
  };
  EXPECT_FALSE(refused([](Message&) {}));
  EXPECT_TRUE(refused([](Message& m) { m.kind = static_cast<MessageKind>(99); }));
  EXPECT_TRUE(refused([](Message& m) { m.unit->kind = static_cast<UnitKind>(3); }));
  EXPECT_TRUE(refused([](Message& m) { m.worker = -1; }));
  EXPECT_TRUE(refused([](Message& m) { m.worker = kHuge; }));
  EXPECT_TRUE(refused([](Message& m) { m.seconds = std::numeric_limits<double>::quiet_NaN(); }));
  EXPECT_TRUE(refused([](Message& m) { m.rows[0].table = static_cast<ResultTable>(5); }));
  for (const int64_t workers : {int64_t{-1}, kHuge}) {
    EXPECT_TRUE(refused([&](Message& m) {
      m.kind = MessageKind::kReady;
      m.number = workers;
    }));
  }
  // Every column of every table: missing, one too many, of another type, NULL where it may not be.
  const Message full = FullMessage();
  for (size_t r = 0; r < full.rows.size(); ++r) {
    SCOPED_TRACE(r);
    EXPECT_TRUE(refused([&](Message& m) { m.rows[r].values.pop_back(); }));
    EXPECT_TRUE(refused([&](Message& m) { m.rows[r].values.clear(); }));
    EXPECT_TRUE(refused([&](Message& m) { m.rows[r].values.emplace_back(int64_t{1}); }));
    for (size_t c = 0; c < full.rows[r].values.size(); ++c) {
      const bool integer = std::holds_alternative<int64_t>(full.rows[r].values[c]);
      const SqlValue other = integer ? SqlValue(Blob(2)) : SqlValue(int64_t{1});
      const bool nullable_integer = r == 2 || r == 5;  // the NULLs in these may be integers
      if (!integer && nullable_integer) continue;
      EXPECT_TRUE(refused([&](Message& m) { m.rows[r].values[c] = other; })) << c;
    }
    EXPECT_TRUE(refused([&](Message& m) { m.rows[r].values[1] = std::monostate(); }));
  }
}

// Numbers that only who has the study can judge.
TEST(WireTest, UnitsOfWhatThereIsNotAreRefused) {
  TempDir dir;
  const StudyInputs inputs =
      LoadStudy(dir.Write("study.toml", SmallStudyText(kSmallExperiments, 40)));
  WorkerPoolOptions options;
  options.threads = 1;
  const auto pool = WorkerPool::Open(inputs, options);
  ASSERT_TRUE(pool.has_value()) << pool.error().ToString();
  for (const int64_t worker : {int64_t{-1}, int64_t{1}, kHuge}) {
    const Status given = (*pool)->Give(worker, Unit());
    ASSERT_FALSE(given.has_value());
    EXPECT_EQ(given.error().code, ErrorCode::kCorrupt);
  }
  Unit good;
  good.specs = {"rtn4"};
  good.experts = {{{{3}, {15}}}};
  good.items = {4};  // of five
  const auto error = [&](const std::function<void(Unit&)>& change) {
    Unit unit = good;
    change(unit);
    EXPECT_TRUE((*pool)->Give(0, unit).has_value());
    while (true) {
      const auto message = (*pool)->Take();
      if (!message) {
        (*pool)->Wait(100);
        continue;
      }
      if (message->kind == MessageKind::kRows) continue;
      return message->kind == MessageKind::kDone ? "" : message->text;
    }
  };
  EXPECT_EQ(error([](Unit&) {}), "");
  EXPECT_EQ(error([](Unit& u) { u.kind = UnitKind::kRouter, u.items = {1}; }), "");
  EXPECT_THAT(error([](Unit& u) { u.kind = UnitKind::kRouter, u.items = {2}; }),
              HasSubstr("no item 2"));
  EXPECT_THAT(error([](Unit& u) { u.kind = UnitKind::kAnswers, u.items = {40}; }),
              HasSubstr("no item 40"));
  for (const int64_t bad : {int64_t{-1}, int64_t{5}, kHuge}) {
    EXPECT_THAT(error([&](Unit& u) { u.items = {bad}; }), HasSubstr("no item"));
    EXPECT_THAT(error([&](Unit& u) { u.data = bad; }), HasSubstr("no data set"));
  }
  EXPECT_THAT(error([](Unit& u) { u.experts.clear(); }), HasSubstr("1 specifications"));
  EXPECT_THAT(error([](Unit& u) { u.experts[0][0].layer.value = 0; }), HasSubstr("no layer"));
  EXPECT_THAT(error([](Unit& u) { u.experts[0][0].layer.value = 12; }), HasSubstr("no layer"));
  EXPECT_THAT(error([](Unit& u) { u.experts[0][0].layer.value = -1; }), HasSubstr("no layer"));
  EXPECT_THAT(error([](Unit& u) { u.experts[0][0].expert.value = 16; }), HasSubstr("no expert 16"));
  EXPECT_THAT(error([](Unit& u) { u.experts[0][0].expert.value = -1; }), HasSubstr("no expert"));
}

}  // namespace
}  // namespace ebb
