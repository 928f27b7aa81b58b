// The program that runs studies: killed at any moment, out of disk, as ranks of mpirun.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "study/small_study.h"
#include "study/status.h"
#include "testing/process.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

class StudyProcessTest : public ::testing::Test {
 protected:
  std::string Study(const std::string& name, int items = 12) {
    std::filesystem::create_directories(dir_.Path(name));
    return dir_.Write(name + "/study.toml", SmallStudyText(kSmallExperiments, items, 16));
  }
  ProcessResult Run(const std::string& before, const std::string& study,
                    const std::string& after = "--threads 1") {
    return RunShell(before + " " + EBB_BINARY + " study run " + study + " " + after + " 2>&1");
  }
  std::string Hash(const std::string& name) { return HashOf(dir_.Path(name + "/study.sqlite")); }

  TempDir dir_;
};

TEST_F(StudyProcessTest, KilledAtAnyMomentItLosesNothing) {
  ASSERT_EQ(Run("", Study("whole")).exit_code, 0);
  const std::string study = Study("killed");
  int64_t done = 0;
  int kills = 0;
  bool finished = false;
  for (int attempt = 0; attempt < 400 && !finished; ++attempt) {
    const std::string limit = fmt::format("timeout -s KILL {:.3f}", 0.05 + 0.04 * attempt);
    const ProcessResult result = Run(limit, study, "--threads 2");
    finished = result.exit_code == 0;
    kills += result.exit_code == 137 ? 1 : 0;
    ASSERT_TRUE(finished || result.exit_code == 137) << result.output;
    const auto database = OpenStudyDatabase(dir_.Path("killed/study.sqlite"));
    if (!database) continue;  // killed before it was there
    const auto status = ReadStudyStatus(**database);
    ASSERT_TRUE(status.has_value()) << status.error().ToString();
    EXPECT_GE(status->items_done, done);
    done = status->items_done;
  }
  ASSERT_TRUE(finished);
  EXPECT_GT(kills, 1);
  EXPECT_EQ(Hash("killed"), Hash("whole"));
}

TEST_F(StudyProcessTest, AFullDiskIsSaidAndNothingIsLost) {
  ASSERT_EQ(Run("", Study("whole")).exit_code, 0);
  const std::string study = Study("full");
  // The shell's limit on file sizes stands for the disk's.
  const ProcessResult full = Run("ulimit -f 200;", study);
  EXPECT_EQ(full.exit_code, 1) << full.output;
  EXPECT_THAT(full.output, HasSubstr("all that was written is kept"));
  const ProcessResult more = Run("", study);
  EXPECT_EQ(more.exit_code, 0) << more.output;
  EXPECT_EQ(Hash("full"), Hash("whole"));
}

TEST_F(StudyProcessTest, TwoRunsOfOneStudyAreRefused) {
  const std::string study = Study("twice", 100);
  const ProcessResult result = RunShell(
      fmt::format("{0} study run {1} --threads 1 >/dev/null 2>&1 & first=$!; for i in $(seq 100); "
                  "do [ -e {2} ] && break; sleep 0.05; done; {0} study run {1} --threads 1 2>&1; "
                  "code=$?; kill -9 $first; exit $code",
                  EBB_BINARY, study, dir_.Path("twice/study.sqlite")));
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("another ebb study run is at work"));
}

TEST_F(StudyProcessTest, OneDatabaseHasOneRunWhateverTheStudyFile) {
  const std::string study = Study("one", 100);
  const std::string other = dir_.Path("one/other.toml");
  // While one runs, its file is saved by an editor, which puts a new one in its place; and another
  // study file names the same database.
  const ProcessResult result = RunShell(fmt::format(
      "{0} study run {1} --threads 1 >/dev/null 2>&1 & first=$!; for i in $(seq 100); "
      "do [ -e {3} ] && break; sleep 0.05; done; cp {1} {2}; cp {1} {1}.new; mv {1}.new "
      "{1}; {0} study run {1} --threads 1 2>&1; a=$?; {0} study run {2} --threads 1 "
      "2>&1; b=$?; kill -9 $first; exit $((a * 10 + b))",
      EBB_BINARY, study, other, dir_.Path("one/study.sqlite")));
  EXPECT_EQ(result.exit_code, 11) << result.output;
  EXPECT_THAT(result.output, HasSubstr("another ebb study run is at work"));
}

TEST_F(StudyProcessTest, InitRunStatusAndTablesWorkTogether) {
  const auto ebb = [&](const std::string& line) {
    return RunShell(std::string(EBB_BINARY) + " study " + line + " 2>&1");
  };
  const ProcessResult init = ebb("init --model " + ShippedModel() + " -o " + dir_.Path("paper"));
  ASSERT_EQ(init.exit_code, 0) << init.output;
  EXPECT_THAT(init.output, HasSubstr("paper/study.toml: 19 experiments"));
  const ProcessResult again = ebb("init --model " + ShippedModel() + " -o " + dir_.Path("paper"));
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.output, HasSubstr("it is there already"));
  EXPECT_EQ(ebb("init --task gsm8k --model " + ShippedModel() + " -o x.toml").exit_code, 2);

  const std::string study = Study("small", 5);
  const ProcessResult early = ebb("status " + study);
  EXPECT_EQ(early.exit_code, 1);
  EXPECT_THAT(early.output, HasSubstr("there is no such database"));
  ASSERT_EQ(Run("", study).exit_code, 0);
  const ProcessResult status = ebb("status " + study + " --hash --json");
  EXPECT_THAT(status.output, HasSubstr("\"cells\":6,\"cells_done\":6,\"items\":60,"));
  EXPECT_THAT(status.output, HasSubstr("\"done\":true,\"seconds_left\":0.0"));
  EXPECT_THAT(status.output, HasSubstr("\"content_hash\":\"" + Hash("small") + "\""));
  const ProcessResult tables = ebb("tables " + study + " -o " + dir_.Path("csv") + " --json");
  ASSERT_EQ(tables.exit_code, 0) << tables.output;
  EXPECT_THAT(tables.output, HasSubstr("\"null_checks\":1,\"null_checks_failed\":0"));
  const auto arms = ReadTextFile(dir_.Path("csv/arms.csv"), 1 << 20);
  ASSERT_TRUE(arms.has_value());
  EXPECT_THAT(*arms, HasSubstr("groups,0,\"noise:normal,rel:0.8,layers=1-5,experts=top2\""));
}

class MpiTest : public StudyProcessTest {
 protected:
  void SetUp() override {
    if (RunShell("command -v mpirun").exit_code != 0) {
      GTEST_SKIP() << "mpirun is not installed: install openmpi-bin to run this test";
    }
    if (!EBB_WITH_MPI) GTEST_SKIP() << "this build has no MPI: install libopenmpi-dev";
  }
  static std::string Mpirun(const std::string& options) {
    return "mpirun --allow-run-as-root --oversubscribe " + options + " ";
  }
};

TEST_F(MpiTest, TwoRanksGiveTheContentOfOne) {
  ASSERT_EQ(Run("", Study("one")).exit_code, 0);
  const ProcessResult result = Run(Mpirun("-n 2"), Study("two"), "--threads 1 --json");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("\"ranks\":2,\"workers\":2,\"lost_ranks\":[]"));
  EXPECT_EQ(Hash("two"), Hash("one"));
}

TEST_F(MpiTest, AKilledRankIsNamedAndItsWorkIsDoneByTheOther) {
  ASSERT_EQ(Run("", Study("one", 60)).exit_code, 0);
  const std::string study = Study("two", 60);
  // Rank 1 dies as soon as it has done something.
  const std::string script = dir_.Write(
      "rank.sh", fmt::format("#!/bin/bash\n"
                             "if [ \"$OMPI_COMM_WORLD_RANK\" = 1 ]; then\n"
                             "  {0} study run {1} --threads 1 &\n  pid=$!\n"
                             "  for i in $(seq 200); do sleep 0.05\n"
                             "    [ -s {2}-wal ] && break\n  done\n"
                             "  sleep 0.5; kill -9 $pid; wait $pid; sleep 2; exit 0\nfi\n"
                             "exec {0} study run {1} --threads 1\n",
                             EBB_BINARY, study, dir_.Path("two/study.sqlite")));
  const ProcessResult first =
      RunShell(Mpirun("--enable-recovery -n 2") + "bash " + script + " 2>&1");
  EXPECT_THAT(first.output, HasSubstr("died (")) << first.output;
  // Whatever mpirun made of it, the next run completes it.
  ASSERT_EQ(Run("", study).exit_code, 0);
  EXPECT_EQ(Hash("two"), Hash("one"));
}

// Of three ranks any one may die: the others must not wait for it at the end, as MPI_Finalize does.
TEST_F(MpiTest, NobodyWaitsForTheDeadAtTheEnd) {
  ASSERT_EQ(Run("", Study("one", 40)).exit_code, 0);
  for (const int victim : {0, 2}) {
    SCOPED_TRACE(victim);
    const std::string name = fmt::format("without {}", victim);
    const std::string study = Study(name, 40);
    const std::string script = dir_.Write(
        "rank.sh",
        fmt::format("#!/bin/bash\n"
                    "[ \"$OMPI_COMM_WORLD_RANK\" = {3} ] || exec {0} study run '{1}' "
                    "--threads 1\n"
                    "{0} study run '{1}' --threads 1 &\npid=$!\n"
                    "for i in $(seq 200); do sleep 0.05; [ -s '{2}-wal' ] && break; done\n"
                    "sleep 0.3; kill -9 $pid; wait $pid; exit 0\n",
                    EBB_BINARY, study, dir_.Path(name + "/study.sqlite"), victim));
    const ProcessResult result = RunShell("timeout -k 5 100 " + Mpirun("--enable-recovery -n 3") +
                                          "bash " + script + " 2>&1");
    EXPECT_NE(result.exit_code, 124) << "somebody waits: " << result.output;
    EXPECT_NE(result.exit_code, 137) << "somebody waits: " << result.output;
    if (victim != 0) {
      EXPECT_THAT(result.output, HasSubstr("rank 2"));
    }
    ASSERT_EQ(Run("", "'" + study + "'").exit_code, 0);
    EXPECT_EQ(Hash(name), Hash("one"));
  }
}

}  // namespace
}  // namespace ebb
