// Router statistics layer by layer, and how they are written.
#include "eval/router_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelConfig Config() {
  ModelConfig config;
  config.num_layers = 3;
  config.moe.first_dense_layers = 1;
  config.moe.num_experts = 4;
  config.moe.experts_per_token = 2;
  return config;
}

void Choose(SelectionCounter* counter, int32_t layer, std::vector<int32_t> experts) {
  std::vector<float> weights(experts.size(), 0.5f);
  counter->OnRouting({layer}, {}, {2, experts, weights});
}

TEST(RouterReportTest, CountsAndDescribesLayersWithExperts) {
  SelectionCounter counter(Config());
  Choose(&counter, 1, {0, 1, 2, 3});
  Choose(&counter, 2, {1, 3, 1, 3, -1, -1});
  const auto layers = DescribeRouter(counter, Config()).value();
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].layer.value, 1);
  EXPECT_EQ(layers[0].statistics.imbalance, 1);
  EXPECT_EQ(layers[0].statistics.gini, 0);
  EXPECT_THAT(layers[1].counts, ElementsAre(0, 2, 0, 2));
  EXPECT_EQ(layers[1].statistics.selections, 4);
  EXPECT_EQ(layers[1].statistics.imbalance, 2);
  EXPECT_EQ(layers[1].statistics.utilisation, 0.5);
  EXPECT_DOUBLE_EQ(layers[1].statistics.normalised_entropy, 0.5);
  EXPECT_EQ(layers[1].statistics.gini, 0.5);

  EXPECT_EQ(RouterCsv(layers),
            "layer,selections,imbalance,utilisation,normalised_entropy,gini,count_0,count_1,"
            "count_2,count_3\n1,4,1,1,1,0,1,1,1,1\n2,4,2,0.5,0.5,0.5,0,2,0,2\n");
  const std::string svg = RouterHeatMap(layers);
  EXPECT_THAT(svg, HasSubstr("<title>layer 2, expert 3: 50.0</title>"));
  EXPECT_THAT(svg, HasSubstr("<title>layer 1, expert 0: 25.0</title>"));
}

TEST(RouterReportTest, ALayerThatChoseNothingIsNamed) {
  SelectionCounter counter(Config());
  Choose(&counter, 1, {0, 1});
  const auto layers = DescribeRouter(counter, Config());
  ASSERT_FALSE(layers.has_value());
  EXPECT_THAT(layers.error().ToString(), HasSubstr("layer 2"));
}

}  // namespace
}  // namespace ebb
