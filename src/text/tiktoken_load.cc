#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "text/model_files.h"
#include "text/tiktoken_tokenizer.h"
#include "text/utf8.h"

namespace ebb {
namespace {

constexpr const char* kModelFile = "tiktoken.model";
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr int32_t kSpecialTokens = 258;

// Moonlight's split pattern: Chinese; words by case, with one character before and an English
// ending after; up to three digits; punctuation; line ends; spaces.
constexpr const char* kSplitPattern =
    R"([\p{Han}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  for (int8_t& value : values) value = -1;
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

// Standard base64 with its padding, or nothing if `text` is not that.
std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  for (size_t at = 0; at < text.size(); at += 4) {
    const bool is_last = at + 4 == text.size();
    const size_t padding = !is_last || text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
    uint32_t group = 0;
    for (size_t i = 0; i < 4; ++i) {
      const int8_t value = i + padding >= 4 ? 0 : kBase64Values[static_cast<uint8_t>(text[at + i])];
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    if (padding > 0 && (group & ((1u << 8 * padding) - 1)) != 0) return std::nullopt;
    for (size_t i = 0; i + padding < 3; ++i) {
      bytes.push_back(static_cast<char>(group >> (16 - 8 * i) & 0xFF));
    }
  }
  return bytes;
}

// What the model's config.json says about the number of ids, or `fallback`.
Result<int64_t> ReadVocabSize(const std::map<std::string, std::string>& files, int64_t fallback) {
  EBB_TRY_ASSIGN(const Json config, ParseModelFile(files, "config.json"));
  return GetInt(config, "vocab_size", 1, kMaxVocabulary, "config.json", fallback);
}

// One entry of added_tokens_decoder. The published class looks for its text as it is, so a flag
// that would change how it is found is refused.
Result<TiktokenTokenizer::Parts::Special> ReadSpecial(const Json& entry, const std::string& where) {
  TiktokenTokenizer::Parts::Special special;
  EBB_TRY_ASSIGN(special.name, GetString(entry, "content", where));
  EBB_TRY_ASSIGN(special.special, GetBool(entry, "special", where, true));
  for (const char* flag : {"lstrip", "rstrip", "single_word"}) {
    EBB_TRY_ASSIGN(const bool is_set, GetBool(entry, flag, where, false));
    if (is_set) return MakeError(ErrorCode::kUnsupported, where, "\"{}\" is set", flag);
  }
  return special;
}

Status NameSpecialTokens(const Json& config, TiktokenTokenizer::Parts* parts) {
  const int32_t base = parts->base.size();
  const int32_t end = base + static_cast<int32_t>(parts->specials.size());
  const auto special_of = [&](int32_t id) -> TiktokenTokenizer::Parts::Special& {
    return parts->specials[static_cast<size_t>(id - base)];
  };
  for (int32_t id = base; id < end; ++id) {
    special_of(id).name = fmt::format("<|reserved_token_{}|>", id);
  }
  const Json named = config.value("added_tokens_decoder", Json::object());
  if (!named.is_object()) {
    return MakeError(ErrorCode::kCorrupt, kConfigFile, "\"added_tokens_decoder\" is not an object");
  }
  for (const auto& [key, entry] : named.items()) {
    const std::string where = fmt::format("{}: added_tokens_decoder[\"{}\"]", kConfigFile, key);
    int32_t id = -1;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool is_number = parsed.ec == std::errc() && parsed.ptr == key.data() + key.size();
    if (!is_number || id < base || id >= end) {
      return MakeError(ErrorCode::kCorrupt, where, "special ids are {} to {}", base, end - 1);
    }
    EBB_TRY_ASSIGN(special_of(id), ReadSpecial(entry, where));
  }
  for (int32_t id = base; id < end; ++id) {
    AddedToken token;
    token.id = id;
    token.content = special_of(id).name;
    EBB_TRY(parts->special_finder.Add(special_of(id).name, std::move(token), kConfigFile));
  }
  return {};
}

}  // namespace

Result<Vocabulary> ReadTiktokenModel(std::string_view text, const std::string& where) {
  Vocabulary vocabulary;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t space = std::min(line.find(' '), line.size());
    if (space > 4 * (kMaxTokenBytes / 3 + 1)) {
      return MakeError(ErrorCode::kCorrupt, where, "line {}: a token of {} base64 digits", number,
                       space);
    }
    const std::optional<std::string> token = DecodeBase64(line.substr(0, space));
    if (!token) return MakeError(ErrorCode::kCorrupt, where, "line {}: bad base64", number);
    const std::string_view digits = line.substr(std::min(space + 1, line.size()));
    int32_t rank = -1;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
      return MakeError(ErrorCode::kCorrupt, where, "line {}: no rank", number);
    }
    if (rank != vocabulary.size()) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "line {}: rank {} where {} comes next; ranks must not repeat or leave holes",
                       number, rank, vocabulary.size());
    }
    EBB_TRY(vocabulary.Append(*token, where));
  }
  EBB_TRY(vocabulary.BuildIndex(where));
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const char token = static_cast<char>(byte);
    if (vocabulary.Find(std::string_view(&token, 1)) == kNoToken) {
      return MakeError(ErrorCode::kCorrupt, where, "the byte 0x{:02X} is not a token", byte);
    }
  }
  return vocabulary;
}

Result<std::unique_ptr<Tokenizer>> LoadTiktokenTokenizer(
    const std::map<std::string, std::string>& files) {
  TiktokenTokenizer::Parts parts;
  EBB_TRY_ASSIGN(parts.base, ReadTiktokenModel(files.at(kModelFile), kModelFile));
  EBB_TRY_ASSIGN(const Json config, ParseModelFile(files, kConfigFile));
  EBB_TRY_ASSIGN(const std::string tokenizer_class,
                 GetString(config, "tokenizer_class", kConfigFile, "TikTokenTokenizer"));
  if (tokenizer_class != "TikTokenTokenizer") {
    return MakeError(ErrorCode::kUnsupported, kConfigFile,
                     "tokenizer_class \"{}\": only Moonlight's TikTokenTokenizer reads a {}",
                     tokenizer_class, kModelFile);
  }
  // The published class has 258 special ids, two more than Moonlight's embedding has rows for: an
  // id that the model cannot take is left out here.
  const int64_t all = int64_t{parts.base.size()} + kSpecialTokens;
  EBB_TRY_ASSIGN(const int64_t vocab_size, ReadVocabSize(files, all));
  const int64_t special = std::min(vocab_size, all) - parts.base.size();
  if (special < 0) {
    return MakeError(ErrorCode::kCorrupt, "config.json",
                     "\"vocab_size\" is {}, but {} has {} tokens", vocab_size, kModelFile,
                     parts.base.size());
  }
  parts.specials.resize(static_cast<size_t>(special));
  EBB_TRY(NameSpecialTokens(config, &parts));
  EBB_TRY_ASSIGN(Regex split, Regex::Compile(kSplitPattern, "Moonlight's split pattern"));
  parts.split = std::make_unique<Regex>(std::move(split));
  EBB_TRY_ASSIGN(parts.add_bos, GetBool(config, "add_bos_token", kConfigFile, false));
  EBB_TRY_ASSIGN(parts.add_eos, GetBool(config, "add_eos_token", kConfigFile, false));
  auto tokenizer = std::make_unique<TiktokenTokenizer>(std::move(parts));
  EBB_TRY(tokenizer->ReadEndTokens(files));
  EBB_TRY_ASSIGN(const auto eos_text, GetTokenText(config, "eos_token", kConfigFile));
  if (eos_text) tokenizer->parts_.text_eos_id = tokenizer->IdOf(*eos_text).value_or(kNoToken);
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace ebb
