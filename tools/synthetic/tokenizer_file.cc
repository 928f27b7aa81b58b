#include "synthetic/tokenizer_file.h"

#include <map>

#include "base/json.h"

namespace ebb {
namespace {

constexpr int kBytes = 256;

// The character that stands for a byte in byte-level vocabularies: itself if it is printable and
// no space, otherwise the next free one from U+0100 on.
std::string CharacterOf(int byte) {
  const auto printable = [](int b) {
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
  };
  int code = byte;
  if (!printable(byte)) {
    code = 0x100;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

}  // namespace

Result<std::string> TokenizerFile(const ModelConfig& config) {
  std::map<int64_t, std::string> special;
  if (config.bos_token) special[*config.bos_token] = "[BOS]";
  for (const int64_t eos : config.eos_tokens) {
    special.try_emplace(eos, special.contains(eos) || eos == config.eos_tokens[0]
                                 ? "[EOS]"
                                 : fmt::format("[EOS {}]", eos));
  }
  if (config.vocab_size < kBytes + static_cast<int64_t>(special.size())) {
    return MakeError(ErrorCode::kInvalidArgument, "vocab_size",
                     "{} tokens are not enough for {} bytes and {} special tokens",
                     config.vocab_size, kBytes, special.size());
  }
  Json vocabulary = Json::object();  // not ordered: that one searches before it inserts
  int byte = 0;
  for (int64_t id = 0; id < config.vocab_size; ++id) {
    const auto known = special.find(id);
    if (known != special.end()) {
      vocabulary[known->second] = id;
    } else if (byte < kBytes) {
      vocabulary[CharacterOf(byte++)] = id;
    } else {
      vocabulary[fmt::format("<|{}|>", id)] = id;
    }
  }
  Json added = Json::array();
  for (const auto& [id, content] : special) {
    added.push_back({{"id", id},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", false},
                           {"use_regex", false}};
  Json json = Json::object();
  json["version"] = "1.0";
  json["added_tokens"] = std::move(added);
  json["pre_tokenizer"] = byte_level;
  json["decoder"] = byte_level;
  json["model"] = {{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", Json::array()}};
  return json.dump() + "\n";
}

}  // namespace ebb
