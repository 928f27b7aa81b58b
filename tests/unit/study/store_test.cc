// The database: made for one study and refused to others, whatever it holds kept.
#include "study/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "study/schema.h"
#include "study/small_study.h"
#include "study/status.h"
#include "study/study_lock.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  StudyInputs Inputs(const std::string& text) { return LoadStudy(dir_.Write("study.toml", text)); }
  std::string Refusal(const StudyInputs& inputs) {
    const auto store = StudyStore::Open(inputs);
    return store ? "" : store.error().ToString();
  }
  void Execute(const char* sql) {
    const auto database = SqlDatabase::Open(dir_.Path("study.sqlite"), SqlDatabase::Mode::kWrite);
    ASSERT_TRUE(database.has_value());
    ASSERT_TRUE((*database)->Execute(sql).has_value());
  }

  TempDir dir_;
};

ResultRow Answer(int64_t cell, int64_t item) {
  ResultRow row;
  row.table = ResultTable::kAnswer;
  row.values = {cell,    item,       int64_t{3}, "stop",     "42",       "format",   "42",
                "exact", int64_t{1}, int64_t{1}, int64_t{1}, int64_t{0}, int64_t{0}, int64_t{0}};
  return row;
}

TEST_F(StoreTest, HoldsTheStudyAndOpensAgain) {
  const StudyInputs inputs = Inputs(SmallStudyText(kSmallExperiments));
  {
    const auto store = StudyStore::Open(inputs);
    ASSERT_TRUE(store.has_value()) << store.error().ToString();
    EXPECT_EQ((*store)->database().Query("SELECT COUNT(*) FROM cell").value(), 6);
    EXPECT_EQ((*store)->database().Query("SELECT COUNT(*) FROM item").value(), 6);
    ASSERT_TRUE((*store)->Add({Answer(0, 2), Answer(0, 4)}).has_value());
    ASSERT_TRUE((*store)->Add({Answer(0, 2)}).has_value());  // again: nothing
  }
  const std::string hash = HashOf(dir_.Path("study.sqlite"));
  const auto store = StudyStore::Open(inputs);
  ASSERT_TRUE(store.has_value()) << store.error().ToString();
  EXPECT_EQ((*store)->Present(ResultTable::kAnswer, 0, 6).value(),
            (std::vector<uint8_t>{0, 0, 1, 0, 1, 0}));
  EXPECT_EQ(HashOf(dir_.Path("study.sqlite")), hash);
  ASSERT_TRUE((*store)->Add({Answer(0, 3)}).has_value());
  EXPECT_NE(HashOf(dir_.Path("study.sqlite")), hash);
}

TEST_F(StoreTest, AGrownStudyKeepsWhatIsThere) {
  {
    const auto store = StudyStore::Open(Inputs(SmallStudyText(kSmallExperiments)));
    ASSERT_TRUE(store.has_value());
    ASSERT_TRUE((*store)->Add({Answer(5, 0)}).has_value());
  }
  const std::string more =
      "[[experiment]]\nname = \"more\"\ndata = \"arith\"\ncodecs = [\"rtn4\"]\n";
  const StudyInputs grown = Inputs(SmallStudyText(more + kSmallExperiments));
  const auto store = StudyStore::Open(grown);
  ASSERT_TRUE(store.has_value()) << store.error().ToString();
  EXPECT_EQ((*store)->database().Query("SELECT COUNT(*) FROM cell").value(), 7);
  EXPECT_EQ((*store)->database().Query("SELECT COUNT(*) FROM experiment").value(), 3);
  // Numbers of cells stay: the new one is first in the file, and last in the database.
  EXPECT_EQ((*store)->cell_id(1), 6);
  EXPECT_EQ((*store)->Present(ResultTable::kAnswer, 5, 1).value(), std::vector<uint8_t>{1});
}

TEST_F(StoreTest, OtherStudiesAreRefusedByWhatDiffers) {
  ASSERT_TRUE(StudyStore::Open(Inputs(SmallStudyText(kSmallExperiments))).has_value());
  EXPECT_THAT(Refusal(Inputs(SmallStudyText(kSmallExperiments, 5))), HasSubstr("has other items"));
  EXPECT_THAT(Refusal(Inputs(SmallStudyText(kSmallExperiments, 6, 13))),
              HasSubstr("answers of another length"));
  StudyInputs other = Inputs(SmallStudyText(kSmallExperiments));
  other.model_hash = "0123456789abcdef";
  EXPECT_THAT(Refusal(other), HasSubstr("is another model"));
  other = Inputs(SmallStudyText(kSmallExperiments));
  other.data[0].template_hash = "x";
  EXPECT_THAT(Refusal(other), HasSubstr("asked by other prompts"));
  other = Inputs(SmallStudyText(kSmallExperiments));
  other.data[0].spec.sampling.temperature = 0.5;
  EXPECT_THAT(Refusal(other), HasSubstr("is sampled otherwise"));
  EXPECT_EQ(Refusal(Inputs(SmallStudyText(kSmallExperiments))), "");
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Results hold the number of a data set: another one must never get the number.
TEST_F(StoreTest, DataUnderAnotherNameIsRefused) {
  const std::string text = SmallStudyText(kSmallExperiments);
  ASSERT_TRUE(StudyStore::Open(Inputs(text)).has_value());
  const std::string renamed = Replaced(Replaced(text, "name = \"arith\"", "name = \"b\""),
                                       "data = \"arith\"", "data = \"b\"");
  EXPECT_THAT(Refusal(Inputs(renamed)), HasSubstr("data \"b\" stands where \"arith\" did"));
  // One more in front of it moves it.
  const std::string front = "[[data]]\nname = \"b\"\ntask = \"arith\"\nfile = \"" + ShippedModel() +
                            "/heldout.jsonl\"\nlimit = 2\n\n[[data]]\nname = \"arith\"";
  EXPECT_THAT(Refusal(Inputs(Replaced(text, "[[data]]\nname = \"arith\"", front))),
              HasSubstr("stands where \"arith\" did"));
  // One more behind it is a study that has grown.
  const std::string behind = text + "[[data]]\nname = \"b\"\ntask = \"arith\"\nfile = \"" +
                             ShippedModel() + "/heldout.jsonl\"\nlimit = 2\n";
  EXPECT_EQ(Refusal(Inputs(behind)), "");
  StudyInputs graded = Inputs(behind);
  graded.data[0].spec.format = AnswerFormat::kHash;
  EXPECT_THAT(Refusal(graded), HasSubstr("is graded by another format"));
}

TEST_F(StoreTest, WhereModelAndDataLieIsNoContent) {
  const std::string text = SmallStudyText(kSmallExperiments);
  ASSERT_EQ(Refusal(Inputs(text)), "");
  std::filesystem::create_directories(dir_.Path("moved"));
  std::filesystem::create_directory_symlink(ShippedModel(), dir_.Path("moved/m"));
  const StudyInputs moved =
      LoadStudy(dir_.Write("moved/study.toml", Replaced(text, ShippedModel(), "m")));
  const auto store = StudyStore::Open(moved);
  ASSERT_TRUE(store.has_value()) << store.error().ToString();
  EXPECT_EQ((*store)
                ->database()
                .Query("SELECT COUNT(*) FROM study WHERE key = 'model' AND value = 'm'")
                .value(),
            1);
  EXPECT_EQ((*store)
                ->database()
                .Query("SELECT COUNT(*) FROM data WHERE file = 'm/heldout.jsonl'")
                .value(),
            1);
  EXPECT_EQ(HashOf(dir_.Path("moved/study.sqlite")), HashOf(dir_.Path("study.sqlite")));
}

TEST_F(StoreTest, AFolderThatMayNotBeWrittenCanBeRead) {
  std::filesystem::create_directories(dir_.Path("a ?#%/"));
  const StudyInputs inputs =
      LoadStudy(dir_.Write("a ?#%/study.toml", SmallStudyText(kSmallExperiments)));
  ASSERT_EQ(Refusal(inputs), "");
  const auto allow = [&](const char* path, std::filesystem::perms perms) {
    std::filesystem::permissions(dir_.Path(path), perms);
  };
  const auto all = std::filesystem::perms::all;
  const auto reading = static_cast<std::filesystem::perms>(0555);
  allow("", reading);
  allow("a ?#%", reading);
  allow("a ?#%/study.sqlite", static_cast<std::filesystem::perms>(0444));
  const uid_t user = geteuid();
  const auto become = [&](uid_t other) { return user != 0 || seteuid(other) == 0; };
  ASSERT_TRUE(become(65534));  // root may write everywhere
  const auto read = OpenStudyDatabase(inputs.file.database);
  const bool reachable = FileExists(inputs.file.database);
  ASSERT_TRUE(become(0));
  ASSERT_TRUE(reachable) << "the test's folder cannot be reached";
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ((*read)->Query("SELECT COUNT(*) FROM cell").value(), 6);
  // What a killed run has left beside it is not passed over.
  allow("a ?#%", all);
  dir_.Write("a ?#%/study.sqlite-wal", std::string(4096, 'x'));
  allow("a ?#%", reading);
  ASSERT_TRUE(become(65534));
  const auto refused = OpenStudyDatabase(inputs.file.database);
  ASSERT_TRUE(become(0));
  allow("a ?#%", all);
  allow("", all);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().ToString(), HasSubstr("copy both to another folder"));
}

TEST_F(StoreTest, ALockHoldsUnderEveryName) {
  dir_.Write("d.sqlite", "");
  std::filesystem::create_symlink("d.sqlite", dir_.Path("other.sqlite"));
  {
    const auto lock = StudyLock::Take(dir_.Path("d.sqlite"));
    ASSERT_TRUE(lock.has_value()) << lock.error().ToString();
    for (const char* name : {"d.sqlite", "other.sqlite", "./d.sqlite"}) {
      const auto second = StudyLock::Take(dir_.Path(name));
      ASSERT_FALSE(second.has_value()) << name;
      EXPECT_THAT(second.error().ToString(), HasSubstr("another ebb study run is at work"));
    }
  }
  EXPECT_TRUE(StudyLock::Take(dir_.Path("other.sqlite")).has_value());
  EXPECT_THAT(StudyLock::Take(dir_.Path("none/d.sqlite")).error().ToString(),
              HasSubstr("its folder is not there"));
}

TEST_F(StoreTest, OtherFilesAreRefused) {
  const StudyInputs inputs = Inputs(SmallStudyText(kSmallExperiments));
  ASSERT_TRUE(StudyStore::Open(inputs).has_value());
  Execute("PRAGMA user_version = 2");
  EXPECT_THAT(Refusal(inputs), HasSubstr("has version 2 of the study's schema"));
  EXPECT_THAT(OpenStudyDatabase(inputs.file.database).error().ToString(), HasSubstr("version 2"));
  Execute("PRAGMA application_id = 7");
  EXPECT_THAT(Refusal(inputs), HasSubstr("no database of a study"));
  dir_.Write("study.sqlite",
             "this is text, and much longer than a header of a database would be, "
             "so that SQLite looks at it: it is still no database");
  EXPECT_THAT(Refusal(inputs), HasSubstr("no SQLite database"));
  std::filesystem::remove(dir_.Path("study.sqlite"));
  EXPECT_THAT(OpenStudyDatabase(inputs.file.database).error().ToString(),
              HasSubstr("there is no such database"));
}

TEST_F(StoreTest, RowsAreWrittenTogetherOrNotAtAll) {
  const auto store = StudyStore::Open(Inputs(SmallStudyText(kSmallExperiments)));
  ASSERT_TRUE(store.has_value());
  ResultRow bad = Answer(0, 1);
  bad.values[2] = std::monostate();  // NOT NULL
  EXPECT_TRUE((*store)->Add({Answer(0, 0)}).has_value());
  bad.table = ResultTable::kKl;
  EXPECT_FALSE((*store)->Add({Answer(0, 3), bad}).has_value());
  EXPECT_EQ((*store)->database().Query("SELECT COUNT(*) FROM answer").value(), 1);
}

TEST_F(StoreTest, StatusCountsCellsAndItemsOnce) {
  const StudyInputs inputs = Inputs(SmallStudyText(kSmallExperiments));
  const auto store = StudyStore::Open(inputs);
  ASSERT_TRUE(store.has_value());
  ASSERT_TRUE((*store)->BeginRun(1, 2, "host").has_value());
  std::vector<ResultRow> rows;
  for (int64_t item = 0; item < 6; ++item) rows.push_back(Answer(0, item));
  ASSERT_TRUE((*store)->Add(rows).has_value());
  ASSERT_TRUE((*store)->AddTiming(0, 0, 0, UnitKind::kAnswers, 6, 3.0).has_value());
  const auto status = ReadStudyStatus((*store)->database());
  ASSERT_TRUE(status.has_value()) << status.error().ToString();
  EXPECT_EQ(status->cells, 6);
  EXPECT_EQ(status->items, 6 * (5 + 6));
  EXPECT_EQ(status->items_done, 6);
  EXPECT_EQ(status->cells_done, 0);
  EXPECT_FALSE(status->seconds_left.has_value());  // nothing is known of divergence yet
  ASSERT_TRUE((*store)->AddTiming(0, 1, 0, UnitKind::kKl, 5, 1.0).has_value());
  // 5 cells of answers at 0.5 s an item and 6 of divergence at 0.2 s, by two workers.
  EXPECT_DOUBLE_EQ(*ReadStudyStatus((*store)->database())->seconds_left, (30 * 0.5 + 30 * 0.2) / 2);
}

TEST_F(StoreTest, AnItemIsDoneWhenItHasBeenLookedInto) {
  const auto store = StudyStore::Open(Inputs(SmallStudyText(kSmallExperiments)));
  ASSERT_TRUE(store.has_value());
  const auto done = [&] { return ReadStudyStatus((*store)->database())->items_done; };
  ResultRow kl;
  kl.values = {int64_t{1}, int64_t{0}, int64_t{3}, 0.5, 0.5, int64_t{3}, 1.0, Blob(12)};
  ASSERT_TRUE((*store)->Add({kl}).has_value());
  EXPECT_EQ(done(), 0);
  ResultRow inside;
  inside.table = ResultTable::kInside;
  inside.values = {int64_t{1}, int64_t{0}, int64_t{4}, int64_t{3}, 0.5, int64_t{0}, 0.5};
  ASSERT_TRUE((*store)->Add({inside}).has_value());
  EXPECT_EQ(done(), 1);
  kl.values[0] = int64_t{5};  // the null cell asks for divergence alone
  ASSERT_TRUE((*store)->Add({kl}).has_value());
  EXPECT_EQ(done(), 2);
}

TEST_F(StoreTest, StatusOfADamagedDatabaseIsAnError) {
  const auto store = StudyStore::Open(Inputs(SmallStudyText(kSmallExperiments)));
  ASSERT_TRUE(store.has_value());
  ASSERT_TRUE((*store)->database().Execute("DELETE FROM cell WHERE cell_id = 3").has_value());
  const auto status = ReadStudyStatus((*store)->database());
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(status.error().ToString(), HasSubstr("experiment_cell"));
}

TEST_F(StoreTest, WhatIsNotAskedForAnyMoreIsNotMissing) {
  std::string text = SmallStudyText(kSmallExperiments);
  ASSERT_EQ(Refusal(Inputs(text)), "");
  text = Replaced(text, "measure = [\"kl\", \"accuracy\"]", "measure = [\"accuracy\"]");
  const auto store = StudyStore::Open(Inputs(text));
  ASSERT_TRUE(store.has_value());
  EXPECT_EQ(ReadStudyStatus((*store)->database())->items, 5 * (5 + 6) + 6);
}

}  // namespace
}  // namespace ebb
