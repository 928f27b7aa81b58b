// The fuzzer of tokenizer.json starts from files that load.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "text/tokenizer.h"

namespace ebb {
namespace {

// A seed that no longer loads would test nothing.
TEST(TokenizerJsonFuzz, TheSeedsLoad) {
  for (const char* name : {"added", "byte_level", "characters", "decoders", "llama", "lookaround",
                           "merges", "metaspace", "normalizers", "plain", "splits"}) {
    const std::string input =
        ReadTextFile(std::string(EBB_SOURCE_DIR) + "/fuzz/corpus/tokenizer_json/" + name, 1 << 20)
            .value();
    const auto tokenizer = LoadTokenizer({{"tokenizer.json", input.substr(0, input.find('\0'))}});
    EXPECT_TRUE(tokenizer.has_value()) << name << ": " << tokenizer.error().ToString();
  }
}

}  // namespace
}  // namespace ebb
