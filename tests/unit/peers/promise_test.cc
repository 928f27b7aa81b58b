// The proof of the bound: whatever the array and the bound, a codec that promises one keeps it in
// the last bit, and every codec gives data or an error.
//
// The unit run is short. A long one: EBB_PROPERTY_CASES=20000 build/release/bin/peers_test
// --gtest_filter='*Promise*'; EBB_PROPERTY_SEED chooses other cases.
#include <gtest/gtest.h>

#include <cstdlib>

#include "peers/codecs.h"
#include "testing/random_arrays.h"

namespace ebb {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Outcome {
  bool refused = false;              // by the encoder
  std::optional<std::string> wrong;  // what is wrong with what came back
};

Outcome RoundTrip(const Codec& codec, const RandomCase& made) {
  const Result<EncodedArray> encoded = codec.Encode(made.view(), made.bound, 1);
  if (!encoded) return {true, encoded.error().ToString()};
  std::vector<float> decoded(made.values.size());
  const Status status =
      codec.Decode(encoded->stream, made.rows, made.cols, made.bound, decoded.data());
  if (!status) return {false, "its own stream: " + status.error().ToString()};
  return {false, BrokenPromise(made.values, decoded, made.bound)};
}

class PromiseTest : public ::testing::TestWithParam<const Codec*> {};

TEST_P(PromiseTest, AnyArrayUnderAnyBound) {
  const Codec& codec = *GetParam();
  const CodecInfo& info = codec.info();
  if (!info.available) GTEST_SKIP() << info.name << " is not here: see `ebb codec list`";
  const bool foreign = info.name.starts_with("sz3");  // a process each
  const uint64_t cases = FromEnvironment("EBB_PROPERTY_CASES", foreign ? 40 : 150);
  RandomCases arrays(FromEnvironment("EBB_PROPERTY_SEED", 1), foreign ? 20000 : 1'000'000);
  uint64_t refused = 0;
  uint64_t broken = 0;
  std::string examples;
  for (uint64_t i = 0; i < cases; ++i) {
    const RandomCase made = arrays.Next();
    SCOPED_TRACE(made.name);
    const Outcome outcome = RoundTrip(codec, made);
    if (!outcome.wrong) continue;
    ASSERT_FALSE(info.guaranteed) << *outcome.wrong;
    uint64_t& count = outcome.refused ? refused : broken;
    if (count++ == 0) examples += "\n  " + made.name + ": " + *outcome.wrong;
  }
  RecordProperty("refused", static_cast<int>(refused));
  RecordProperty("broken", static_cast<int>(broken));
  if (info.kind != CodecKind::kBounded || (broken == 0 && refused == 0)) return;
  std::printf("%s: %llu of %llu refused, %llu break the bound%s\n", info.name.c_str(),
              static_cast<unsigned long long>(refused), static_cast<unsigned long long>(cases),
              static_cast<unsigned long long>(broken), examples.c_str());
}

// Where `ebb:small` writes layout 2 (the first byte of its stream), which few random sizes reach.
TEST(PromiseOfEbbSmall, LayoutTwoAtAMillionValues) {
  const Codec& codec = **FindCodec("ebb:small");
  std::vector<NamedWeights> arrays = MakeHostileWeights(1'000'000);
  arrays.push_back({"gauss", MakeWeights(Law::kGauss, 1, 1'000'000)});
  arrays.push_back({"student rows", MakeWeights(Law::kStudentRows, 1000, 1000)});
  for (const NamedWeights& array : arrays) {
    SCOPED_TRACE(array.name);
    const float bound = 1e-3f;
    const EncodedArray encoded = codec.Encode({array.weights, 1000, 1000}, bound, 1).value();
    EXPECT_EQ(encoded.stream[0], std::byte{2});
    std::vector<float> decoded(array.weights.size());
    ASSERT_TRUE(codec.Decode(encoded.stream, 1000, 1000, bound, decoded.data()));
    EXPECT_EQ(BrokenPromise(array.weights, decoded, bound), std::nullopt);
  }
}

TEST_P(PromiseTest, ABoundOfZeroIsLosslessOrRefused) {
  const Codec& codec = *GetParam();
  const CodecInfo& info = codec.info();
  if (!info.available || info.kind == CodecKind::kFixedWidth) GTEST_SKIP() << info.name;
  for (NamedWeights& hostile : MakeHostileWeights(333)) {
    RandomCase made{hostile.name, hostile.weights, 3, 111, 0};
    SCOPED_TRACE(made.name);
    const Outcome outcome = RoundTrip(codec, made);
    if (!outcome.refused || info.guaranteed) {
      EXPECT_EQ(outcome.wrong, std::nullopt);
    }
  }
}

std::vector<const Codec*> AllCodecs() {
  std::vector<const Codec*> codecs;
  for (const auto& codec : Codecs()) codecs.push_back(codec.get());
  return codecs;
}

INSTANTIATE_TEST_SUITE_P(All, PromiseTest, ::testing::ValuesIn(AllCodecs()), [](const auto& info) {
  std::string name = info.param->info().name;
  for (char& c : name) c = c == ':' || c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace ebb
