// A study's database read for analysis: what is not as it should be is named, not used.
#include "study/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "study/analysis.h"
#include "study/report.h"
#include "study/schema.h"
#include "study/small_study.h"
#include "study/tables.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Four items, two of them measured for divergence; a baseline and one perturbed cell.
constexpr char kRows[] = R"sql(
INSERT INTO study VALUES('model', 'm'), ('num_layers', '2');
INSERT INTO data VALUES(0,'d','arith','f','h','t',1,'boxed',9,0,0,1,0,4,2);
INSERT INTO item VALUES(0,0,'a','h',1,1,'1','boxed','{"steps":1}'), (0,1,'b','h',1,1,'1','boxed','{"steps":2}'),
  (0,2,'c','h',1,1,'1','boxed','{"steps":3}'), (0,3,'d','h',1,1,'1','boxed','{"steps":3}');
INSERT INTO router VALUES(0,0,1,0,5), (0,0,1,1,7);
INSERT INTO cell VALUES(1,0,'d',1,'baseline','','',NULL,'all','all',0,1,0,1),
  (2,0,'d | n',0,'n','noise:normal','rel:0.5',0.5,'1','all',1,1,1,1);
INSERT INTO error VALUES(2,0,'n',2,10,NULL,NULL,0.1,1.0);
INSERT INTO experiment VALUES(0,'T','about',0,'baseline','steps <= 2');
INSERT INTO experiment_cell VALUES(0,2,0,NULL);
INSERT INTO kl VALUES(2,0,2,0.5,0.3,2,1.0,x'0000803e0000803e'), (2,1,1,0.25,0.25,1,1.0,x'0000803e');
INSERT INTO inside VALUES(2,0,0,2,0.2,NULL,NULL), (2,1,0,1,0.1,NULL,NULL),
  (2,0,1,2,0.4,1,0.2), (2,1,1,1,0.2,0,0.1);
INSERT INTO answer SELECT 1,item,3,'stop','x','t',NULL,'r',1,1,1,0,0,0 FROM item;
INSERT INTO answer SELECT 2,item,3,'stop','y','t',NULL,'r',1,item > 0,1,0,0,0 FROM item;
)sql";

class ResultsTest : public ::testing::Test {
 protected:
  // What reading gives after these statements.
  Result<StudyResults> Read(const std::string& changes) {
    const std::string path = dir_.Path(fmt::format("{}.sqlite", ++files_));
    auto database = SqlDatabase::Open(path, SqlDatabase::Mode::kWrite).value();
    // Not for keeps: a disk that syncs would take a second a file.
    const std::string fast = "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY";
    for (const std::string& sql : {fast, std::string(kStudySchema), std::string(kRows), changes}) {
      const Status done = database->Execute(sql.c_str());
      EXPECT_TRUE(done.has_value()) << done.error().ToString();
    }
    return ReadStudyResults(*database);
  }

  TempDir dir_;
  int files_ = 0;
};

TEST_F(ResultsTest, ReadsWhatStandsThere) {
  const auto results = Read("");
  ASSERT_TRUE(results.has_value()) << results.error().ToString();
  EXPECT_EQ(results->baselines, std::vector<size_t>{0});
  EXPECT_EQ(results->experiments[0].items, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(results->experiments[0].where, "steps <= 2");
  EXPECT_EQ(results->router[0].counts, (std::vector<int64_t>{5, 7}));
  const auto analysis = AnalyseStudy(*results);
  ASSERT_TRUE(analysis.has_value());
  EXPECT_DOUBLE_EQ(analysis->arms[0].mean_kl->value, 0.25);
  EXPECT_DOUBLE_EQ(analysis->arms[0].ica->value, 0.5);
}

TEST_F(ResultsTest, EveryContradictionIsNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"UPDATE experiment_cell SET cell_id = 9", "experiment_cell, experiment 0, cell 9"},
      {"UPDATE experiment_cell SET experiment_id = -1", "experiment_cell, experiment -1"},
      // A cell on other data would be read out of its bounds.
      {"INSERT INTO data SELECT 1,'e',task,file,data_hash,template_hash,chat,format,new_tokens,"
       "temperature,top_k,top_p,sampling_seed,0,0 FROM data; INSERT INTO cell SELECT 3,1,'e',1,"
       "label,codec,bound,rate,layers,experts,seed,0,0,0 FROM cell WHERE cell_id = 1;"
       "UPDATE experiment_cell SET cell_id = 3",
       "the cell is on other data"},
      {"UPDATE router SET data_id = 7", "router, data 7"},
      {"UPDATE router SET data_id = -1", "router, data -1"},
      {"DELETE FROM router WHERE expert = 0", "router, data 0, layer 1, expert 1"},
      {"UPDATE router SET selections = -2 WHERE expert = 1", "a negative count"},
      {"DELETE FROM cell WHERE baseline = 1; DELETE FROM answer WHERE cell_id = 1",
       "cell, data d: there is no baseline"},
      {"UPDATE cell SET baseline = 1", "a second baseline"},
      {"UPDATE cell SET data_id = 3 WHERE cell_id = 2", "cell, 2: no such data"},
      {"UPDATE kl SET token_kl = x'' WHERE item = 1", "kl, cell 2, item 1: token_kl"},
      {"UPDATE kl SET token_kl = x'00' WHERE item = 1", "kl, cell 2, item 1: token_kl"},
      {"UPDATE kl SET tokens = -1 WHERE item = 1", "kl, cell 2, item 1: token_kl"},
      {"UPDATE kl SET token_kl = x'0000c07f' WHERE item = 1", "is not finite and their sum is"},
      {"UPDATE kl SET agreements = 2 WHERE item = 1", "more agreements than tokens"},
      {"UPDATE kl SET item = 4 WHERE item = 1", "kl, cell 2, item 4: no such item"},
      {"INSERT INTO kl VALUES(1,1,2,0,0,2,1.0,x'0000000000000000')", "another number of tokens"},
      {"UPDATE answer SET item = -1 WHERE item = 3 AND cell_id = 2", "answer, cell 2, item -1"},
      {"UPDATE error SET cell_id = 5", "error, cell 5"},
      {"UPDATE inside SET item = 3 WHERE item = 1", "inside, cell 2, item 3"},
      {"UPDATE inside SET cell_id = 8", "inside, cell 8"},
      {"DELETE FROM item WHERE item = 1", "item, data 0, item 2: numbers are missing"},
      {"DELETE FROM item WHERE item = 3", "data, d: it has not as many items"},
      {"UPDATE data SET kl_items = 5", "data, d: it has not as many items"},
      {"UPDATE data SET data_id = 1", "data, 1: numbers are missing"},
      {"UPDATE experiment SET experiment_id = 2", "experiment, 2: numbers are missing"},
      {"UPDATE experiment SET compare = 'all'", "experiment, 0: no such comparison"},
      {"UPDATE experiment SET item_filter = 'steps'", "item_filter cannot be read"},
      {"UPDATE experiment SET data_id = 1", "experiment, 0: no such data"},
  };
  for (const auto& [sql, named] : kCases) {
    SCOPED_TRACE(sql);
    const auto results = Read(sql);
    ASSERT_FALSE(results.has_value());
    EXPECT_EQ(results.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(results.error().ToString(), HasSubstr(named));
    EXPECT_THAT(results.error().ToString(), HasSubstr("run the study again"));
  }
}

TEST_F(ResultsTest, ADivergenceThatIsNotFiniteIsNoDamage) {
  const auto results = Read(
      "UPDATE kl SET token_kl = x'0000c07f', sum_kl = NULL WHERE item = 1; UPDATE inside SET "
      "sum_drift = NULL WHERE item = 1 AND layer = 0");
  ASSERT_TRUE(results.has_value()) << results.error().ToString();
  const auto analysis = AnalyseStudy(*results);
  ASSERT_TRUE(analysis.has_value()) << analysis.error().ToString();
  EXPECT_TRUE(analysis->arms[0].kl_not_finite);
  const std::string page = RenderReport(*results, *analysis).value();
  EXPECT_THAT(page, HasSubstr("not finite"));
  EXPECT_THAT(page, Not(HasSubstr("not finished")));
}

TEST_F(ResultsTest, InsideMeansAreNullWhereOneSumIs) {
  const auto inside = [&](const std::string& sql) {
    const auto results = Read(sql).value();
    const auto analysis = AnalyseStudy(results).value();
    const std::vector<StudyTable> tables = MakeStudyTables(results, analysis).value();
    for (const StudyTable& table : tables) {
      if (table.name == "inside.csv") return table.csv;
    }
    return std::string();
  };
  EXPECT_THAT(inside(""), HasSubstr("2,n,1,0,2,3,0.1,,\n2,n,1,1,2,3,0.2,0.333333333,0.1\n"));
  // The layer that broke would look milder than it is without the token that broke it.
  EXPECT_THAT(inside("UPDATE inside SET sum_carried = NULL WHERE item = 0 AND layer = 1"),
              HasSubstr("2,n,1,1,2,3,0.2,0.333333333,\n"));
  // Fewer items are counted as fewer.
  EXPECT_THAT(inside("DELETE FROM inside WHERE item = 0"), HasSubstr("2,n,1,0,1,1,0.1,,\n"));
}

TEST_F(ResultsTest, TheInsideOfAnArmIsOfItsItemsAndComplete) {
  const auto page = [&](const std::string& sql) {
    const auto results = Read(sql).value();
    return RenderReport(results, AnalyseStudy(results).value()).value();
  };
  const std::string whole = page("");
  EXPECT_THAT(whole, HasSubstr("<td>0.3333</td>"));  // flips of both items
  // steps == 1 is item 0 alone: 1 flip of 2.
  const std::string narrow = page("UPDATE experiment SET item_filter = 'steps == 1'");
  EXPECT_THAT(narrow, HasSubstr("<td>0.5</td>"));
  EXPECT_THAT(narrow, Not(HasSubstr("<td>0.3333</td>")));
  EXPECT_THAT(page("DELETE FROM inside WHERE item = 1"), Not(HasSubstr("id=\"inside\"")));
}

TEST_F(ResultsTest, TheSameCellsUnderAnotherFilterAreFiguresOfTheirOwn) {
  const auto results =
      Read(
          "INSERT INTO experiment VALUES(1,'T9','harder',0,'baseline','steps == 1');"
          "INSERT INTO experiment_cell VALUES(1,2,0,NULL)")
          .value();
  const std::string page = RenderReport(results, AnalyseStudy(results).value()).value();
  EXPECT_THAT(page, HasSubstr("T (where steps &lt;= 2): about"));
  EXPECT_THAT(page, HasSubstr("T9 (where steps == 1): harder"));
  EXPECT_THAT(page, HasSubstr("T9: the figures, and what was carried"));
  EXPECT_THAT(page, HasSubstr("n (where steps == 1)"));  // failures
}

TEST_F(ResultsTest, AnUnfinishedStudySaysWhatItLacks) {
  const auto results =
      Read(
          "DELETE FROM answer WHERE cell_id = 2 AND item = 0; DELETE FROM answer WHERE cell_id = 1 "
          "AND item = 3")
          .value();
  const std::string page = RenderReport(results, AnalyseStudy(results).value()).value();
  EXPECT_THAT(page, HasSubstr("of 1 arms 1 lack answers and 0 lack divergences"));
  EXPECT_THAT(page, HasSubstr("3 of 4"));  // of the baseline's items
}

TEST(StudyInputsTest, AFilterThatAcceptsNothingIsRefused) {
  TempDir dir;
  const auto load = [&](const std::string& where) {
    const std::string path = dir.Write(
        "study.toml",
        SmallStudyText("[[experiment]]\nname = \"T8\"\ndata = \"arith\"\nmeasure = [\"kl\"]\n"
                       "codecs = [\"noise:normal\"]\nbounds = [\"rel:1\"]\nwhere = \"" +
                       where + "\"\n"));
    return LoadStudyInputs(ReadStudyFile(path).value());
  };
  EXPECT_TRUE(load("steps >= 1").has_value());
  for (const char* where : {"stpes >= 1", "steps >= 1000"}) {
    const auto inputs = load(where);
    ASSERT_FALSE(inputs.has_value());
    EXPECT_EQ(inputs.error().code, ErrorCode::kInvalidArgument);
    const std::string text = inputs.error().ToString();
    for (const char* part : {"study.toml, line ", "experiment \"T8\", where", where}) {
      EXPECT_THAT(text, HasSubstr(part));
    }
  }
}

}  // namespace
}  // namespace ebb
