// Running studies: the same content from every number of threads and ranks, through deaths and
// resumptions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "base/version.h"
#include "study/coordinator.h"
#include "study/program.h"
#include "study/small_study.h"
#include "study/socket_transport.h"
#include "study/status.h"

namespace ebb {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

StudyRunOptions OneThread() {
  StudyRunOptions options;
  options.threads = 1;
  return options;
}

class StudyRunTest : public ::testing::Test {
 protected:
  // A folder of its own for each database.
  StudyInputs Inputs(const std::string& name) {
    std::filesystem::create_directories(dir_.Path(name));
    return LoadStudy(dir_.Write(name + "/study.toml", SmallStudyText(kSmallExperiments)));
  }
  std::string Hash(const std::string& name) { return HashOf(dir_.Path(name + "/study.sqlite")); }

  std::string Reference() {
    const auto summary = RunStudy(Inputs("reference"), nullptr, OneThread());
    EXPECT_TRUE(summary.has_value()) << summary.error().ToString();
    EXPECT_EQ(summary->items_measured, 66u);
    return Hash("reference");
  }

  TempDir dir_;
};

TEST_F(StudyRunTest, ThreadsDoNotChangeTheContent) {
  const std::string reference = Reference();
  StudyRunOptions options;
  options.threads = 3;
  const auto summary = RunStudy(Inputs("threads"), nullptr, options);
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(summary->workers, 3);
  EXPECT_EQ(Hash("threads"), reference);
}

TEST_F(StudyRunTest, WhatIsDoneIsNotDoneAgain) {
  const std::string reference = Reference();
  const StudyInputs inputs = Inputs("reference");
  auto summary = RunStudy(inputs, nullptr, OneThread());
  ASSERT_TRUE(summary.has_value());
  EXPECT_EQ(summary->items_measured, 0u);
  {
    const auto database = SqlDatabase::Open(inputs.file.database, SqlDatabase::Mode::kWrite);
    ASSERT_TRUE((*database)
                    ->Execute("DELETE FROM answer WHERE cell_id = 2 AND item IN (1, 4); DELETE "
                              "FROM inside WHERE cell_id = 3 AND item = 0; DELETE FROM router "
                              "WHERE layer = 3; DELETE FROM kl WHERE cell_id = 0")
                    .has_value());
  }
  EXPECT_NE(Hash("reference"), reference);
  // An item whose layers were half written is measured again; counted blocks are taken as whole.
  summary = RunStudy(inputs, nullptr, OneThread());
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(summary->items_measured, 2u + 1u + 5u);
}

TEST_F(StudyRunTest, RanksDoNotChangeTheContent) {
  const std::string reference = Reference();
  const StudyInputs inputs = Inputs("ranks");
  auto transports = ConnectRanks(3);
  std::vector<std::thread> others;
  for (size_t r = 1; r < transports.size(); ++r) {
    others.emplace_back([&, r] {
      const auto lost_ranks = ServeStudy(inputs, *transports[r], OneThread());
      ASSERT_TRUE(lost_ranks.has_value()) << lost_ranks.error().ToString();
      EXPECT_FALSE(*lost_ranks);
    });
  }
  const auto summary = RunStudy(inputs, transports[0].get(), OneThread());
  for (std::thread& other : others) other.join();
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(summary->ranks, 3);
  EXPECT_THAT(summary->lost_ranks, ElementsAre());
  EXPECT_EQ(Hash("ranks"), reference);
  const auto database = OpenStudyDatabase(inputs.file.database);
  EXPECT_EQ((*database)->Query("SELECT SUM(items) FROM timing WHERE kind = 'accuracy'").value(),
            36);
}

// A rank that says that it is ready, takes work, and dies.
void TakeWorkAndDie(Transport* transport, bool answers_once) {
  Message ready;
  ready.kind = MessageKind::kReady;
  ready.text = "elsewhere";
  ready.number = 2;
  bool said = false;
  for (int i = 0; i < 5000; ++i) {
    const auto envelope = transport->Receive();
    ASSERT_TRUE(envelope.has_value());
    if (!*envelope) {
      usleep(1000);
      continue;
    }
    const auto message = Unpack((*envelope)->bytes);
    ASSERT_TRUE(message.has_value());
    if (message->kind == MessageKind::kHello) {
      ASSERT_TRUE(transport->Send(0, Pack(ready)).has_value());
      said = true;
    }
    if (message->kind != MessageKind::kWork) continue;
    EXPECT_TRUE(said);
    if (answers_once) {
      // A part of the router's work, before death: it counts.
      Message rows;
      rows.kind = MessageKind::kRows;
      rows.unit_id = message->unit->id;
      ASSERT_TRUE(transport->Send(0, Pack(rows)).has_value());
    }
    break;
  }
  transport->Close(true);
}

TEST_F(StudyRunTest, AnotherRankDoesTheWorkOfADeadOne) {
  const std::string reference = Reference();
  for (const bool answers_once : {false, true}) {
    const std::string name = answers_once ? "late" : "early";
    const StudyInputs inputs = Inputs(name);
    auto transports = ConnectRanks(2);
    std::thread other([&] { TakeWorkAndDie(transports[1].get(), answers_once); });
    StudyRunOptions options = OneThread();
    std::vector<std::string> notices;
    options.notice = [&](const std::string& line) { notices.push_back(line); };
    const auto summary = RunStudy(inputs, transports[0].get(), options);
    other.join();
    ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
    EXPECT_THAT(summary->lost_ranks, ElementsAre(1));
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_THAT(notices[0], HasSubstr("rank 1 (elsewhere) died"));
    EXPECT_EQ(Hash(name), reference);
    const auto database = OpenStudyDatabase(inputs.file.database);
    EXPECT_EQ(ReadStudyStatus(**database)->lost_ranks, 1);
  }
}

TEST_F(StudyRunTest, ARankThatFallsSilentIsGivenUp) {
  const std::string reference = Reference();
  const StudyInputs inputs = Inputs("silent");
  auto transports = ConnectRanks(2);  // nobody serves rank 1: it never says anything
  std::thread other([&] {
    Message ready;
    ready.kind = MessageKind::kReady;
    ready.text = "elsewhere";
    ready.number = 1;
    EXPECT_TRUE(transports[1]->Send(0, Pack(ready)).has_value());
  });
  StudyRunOptions options = OneThread();
  options.silence_seconds = 0.2;
  const auto summary = RunStudy(inputs, transports[0].get(), options);
  other.join();
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_THAT(summary->lost_ranks, ElementsAre(1));
  EXPECT_EQ(Hash("silent"), reference);
}

// What a rank says after it was given up is no news, but for what it has measured.
TEST_F(StudyRunTest, ARankThatWasGivenUpCannotEndTheRun) {
  const std::string reference = Reference();
  const StudyInputs inputs = Inputs("late words");
  auto transports = ConnectRanks(2);
  std::thread other([&] {
    Transport& rank = *transports[1];
    Message message;
    message.kind = MessageKind::kReady;
    message.text = "elsewhere";
    message.number = 1;
    EXPECT_TRUE(rank.Send(0, Pack(message)).has_value());
    bool stopped = false;
    for (int i = 0; i < 60000 && !stopped; ++i) {
      const auto envelope = rank.Receive();
      ASSERT_TRUE(envelope.has_value());
      stopped = *envelope && Unpack((*envelope)->bytes)->kind == MessageKind::kStop;
      if (!*envelope) usleep(1000);
    }
    EXPECT_TRUE(stopped) << "nobody told it to stop";
    EXPECT_TRUE(rank.Send(0, Pack(message)).has_value());  // ready again
    message.kind = MessageKind::kDone;
    message.unit_id = 1;
    EXPECT_TRUE(rank.Send(0, Pack(message)).has_value());
    message.kind = MessageKind::kFailed;
    EXPECT_TRUE(rank.Send(0, Pack(message)).has_value());
    // Stays connected until rank 0 has ended.
    for (int i = 0; i < 60000 && rank.Gone().empty(); ++i) {
      const auto envelope = rank.Receive();
      if (envelope && *envelope) {
        EXPECT_NE(Unpack((*envelope)->bytes)->kind, MessageKind::kWork);
      }
      usleep(1000);
    }
  });
  StudyRunOptions options = OneThread();
  options.silence_seconds = 0.05;
  const auto summary = RunStudy(inputs, transports[0].get(), options);
  transports[0]->Close(true);
  other.join();
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(summary->workers, 2) << "it was ready once";
  EXPECT_THAT(summary->lost_ranks, ElementsAre(1));
  EXPECT_EQ(Hash("late words"), reference);
}

TEST_F(StudyRunTest, ARankWhoseCoordinatorDiesSaysSoAndEnds) {
  const StudyInputs inputs = Inputs("orphan");
  auto transports = ConnectRanks(2);
  std::thread coordinator([&] {
    Message hello;
    hello.kind = MessageKind::kHello;
    hello.text = GreetingText({ThisProgram(), inputs.Fingerprint(), "elsewhere"});
    EXPECT_TRUE(transports[0]->Send(1, Pack(hello)).has_value());
    bool ready = false;
    for (int i = 0; i < 60000 && !ready; ++i) {
      const auto envelope = transports[0]->Receive();
      ready = envelope && *envelope && Unpack((*envelope)->bytes)->kind == MessageKind::kReady;
      if (!ready) usleep(1000);
    }
    EXPECT_TRUE(ready);
    transports[0]->Close(true);
  });
  const auto served = ServeStudy(inputs, *transports[1], OneThread());
  coordinator.join();
  ASSERT_FALSE(served.has_value());
  EXPECT_THAT(served.error().ToString(), HasSubstr("rank 0: it is gone"));
}

// Its machine may have gone down while it read its model: no connection says so.
TEST_F(StudyRunTest, ARankDoesNotWaitForEverForACoordinatorThatIsSilent) {
  const StudyInputs inputs = Inputs("silent from the start");
  auto transports = ConnectRanks(2);  // rank 0 stays connected, and says nothing
  StudyRunOptions options = OneThread();
  options.silence_seconds = 0.01;
  const auto served = ServeStudy(inputs, *transports[1], options);
  ASSERT_FALSE(served.has_value());
  EXPECT_THAT(served.error().ToString(), HasSubstr("rank 0: it is gone"));
}

TEST_F(StudyRunTest, AFailedRankIsNamedAndNothingIsLost) {
  const StudyInputs inputs = Inputs("failed");
  auto transports = ConnectRanks(2);
  std::thread other([&] {
    // Comes back when it is dismissed.
    ReportUselessRank(*transports[1], Error{ErrorCode::kNotFound, "no such file", "model"}, 60);
  });
  const auto summary = RunStudy(inputs, transports[0].get(), OneThread());
  other.join();
  ASSERT_FALSE(summary.has_value());
  EXPECT_THAT(summary.error().ToString(), HasSubstr("rank 1: model: no such file"));
  const auto again = RunStudy(inputs, nullptr, OneThread());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(Hash("failed"), Reference());
}

TEST_F(StudyRunTest, ARankOfAnotherStudyIsRefused) {
  const StudyInputs inputs = Inputs("one");
  StudyInputs other_inputs = Inputs("two");
  other_inputs.model_hash = "another";
  auto transports = ConnectRanks(2);
  std::thread other(
      [&] { EXPECT_FALSE(ServeStudy(other_inputs, *transports[1], OneThread()).has_value()); });
  const auto summary = RunStudy(inputs, transports[0].get(), OneThread());
  other.join();
  ASSERT_FALSE(summary.has_value());
  EXPECT_THAT(summary.error().ToString(), HasSubstr("other than rank 0's"));
}

// Bits are promised for one program on one kind of machine.
TEST_F(StudyRunTest, ARankOfAnotherProgramIsRefused) {
  const StudyInputs inputs = Inputs("other program");
  for (const char* program : {"0.0.9 avx2", "", "0123456789abcdef host"}) {
    auto transports = ConnectRanks(2);
    Message hello;
    hello.kind = MessageKind::kHello;
    hello.text = GreetingText({program, inputs.Fingerprint(), "elsewhere"});
    ASSERT_TRUE(transports[0]->Send(1, Pack(hello)).has_value());
    Message stop;
    stop.kind = MessageKind::kStop;
    ASSERT_TRUE(transports[0]->Send(1, Pack(stop)).has_value());
    const auto served = ServeStudy(inputs, *transports[1], OneThread());
    ASSERT_FALSE(served.has_value());
    EXPECT_THAT(served.error().ToString(),
                AllOf(HasSubstr("program: it is ebb " + ThisProgram()), HasSubstr(program)));
  }
}

TEST_F(StudyRunTest, AnEarlierRunOfAnotherProgramIsSaid) {
  const std::string reference = Reference();
  const StudyInputs inputs = Inputs("reference");
  const auto resume = [&](const std::string& earlier, bool with_work) {
    std::string sql = "UPDATE run SET version = '" + earlier + "';";
    if (with_work) sql += "DELETE FROM kl WHERE item = 1";
    const auto change = [&] {
      const auto database = SqlDatabase::Open(inputs.file.database, SqlDatabase::Mode::kWrite);
      return database.has_value() && (*database)->Execute(sql.c_str()).has_value();
    };
    EXPECT_TRUE(change());
    std::vector<std::string> notices;
    StudyRunOptions options = OneThread();
    options.notice = [&](const std::string& line) { notices.push_back(line); };
    EXPECT_TRUE(RunStudy(inputs, nullptr, options).has_value());
    EXPECT_EQ(Hash("reference"), reference);
    return notices;
  };
  EXPECT_THAT(resume("0.0.9 sse4", true),
              ElementsAre(AllOf(HasSubstr("study.sqlite"), HasSubstr("ebb 0.0.9 sse4"),
                                HasSubstr(ThisProgram()), HasSubstr("last bits"))));
  EXPECT_THAT(resume("0.0.9 sse4", false), ElementsAre()) << "nothing is measured";
  EXPECT_THAT(resume(ThisProgram(), true), ElementsAre());
  EXPECT_THAT(resume(kVersion, true), ElementsAre()) << "written before targets were";
}

TEST_F(StudyRunTest, ACapIsKeptOrRefused) {
  const std::string reference = Reference();
  StudyRunOptions options = OneThread();
  options.memory_cap_bytes = uint64_t{64} << 20;
  const auto summary = RunStudy(Inputs("capped"), nullptr, options);
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(Hash("capped"), reference);
  options.memory_cap_bytes = uint64_t{1} << 20;
  const auto refused = RunStudy(Inputs("refused"), nullptr, options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().ToString(), HasSubstr("perturb fewer experts"));
}

TEST_F(StudyRunTest, ACodecThatCannotCodeNamesTheCell) {
  std::filesystem::create_directories(dir_.Path("bad"));
  const StudyInputs inputs = LoadStudy(dir_.Write(
      "bad/study.toml", SmallStudyText("[[experiment]]\nname = \"bad\"\ndata = \"arith\"\n"
                                       "codecs = [\"cuszp:fixed\"]\nbounds = [\"lossless\"]\n")));
  const auto summary = RunStudy(inputs, nullptr, OneThread());
  ASSERT_FALSE(summary.has_value());
  EXPECT_THAT(summary.error().ToString(), HasSubstr("cell cuszp:fixed,lossless"));
}

TEST_F(StudyRunTest, TheNullCellIsNullAndTopExpertsAreTheRouters) {
  const StudyInputs inputs = Inputs("reference");
  Reference();
  const auto database = OpenStudyDatabase(inputs.file.database);
  ASSERT_TRUE(database.has_value());
  SqlDatabase& db = **database;
  EXPECT_EQ(db.Query("SELECT COUNT(*) FROM kl JOIN cell USING(cell_id) WHERE codec = 'ebb:fast' "
                     "AND sum_kl <> 0")
                .value(),
            0);
  EXPECT_GT(db.Query("SELECT COUNT(*) FROM kl WHERE sum_kl > 0").value(), 0);
  EXPECT_EQ(db.Query("SELECT COUNT(*) FROM answer a JOIN answer b USING(item, text, tokens) JOIN "
                     "cell ON cell.cell_id = a.cell_id WHERE codec = 'ebb:fast' AND b.cell_id = 0")
                .value(),
            6);
  // Two of each of five layers, and none that is chosen less often than one that was left.
  EXPECT_EQ(db.Query("SELECT COUNT(*) FROM cell_expert WHERE cell_id = 1").value(), 10);
  EXPECT_EQ(db.Query("WITH total AS (SELECT layer, expert, SUM(selections) AS n FROM router GROUP "
                     "BY layer, expert) SELECT COUNT(*) FROM cell_expert c JOIN total t USING("
                     "layer, expert) WHERE c.cell_id = 1 AND 2 <= (SELECT COUNT(*) FROM total o "
                     "WHERE o.layer = t.layer AND o.n > t.n)")
                .value(),
            0);
  EXPECT_EQ(db.Query("SELECT COUNT(*) FROM inside WHERE cell_id = 1").value(), 5 * 12);
  EXPECT_EQ(db.Query("SELECT COUNT(*) FROM inside WHERE flips IS NULL AND layer > 0").value(), 0);
}

}  // namespace
}  // namespace ebb
