#include "text/tokenizer.h"

#include <algorithm>
#include <limits>

#include "base/json.h"
#include "text/json_tokenizer.h"
#include "text/model_files.h"
#include "text/tiktoken_tokenizer.h"
#include "text/utf8.h"

namespace ebb {
namespace {

constexpr size_t kMaxInputBytes = size_t{256} << 20;

}  // namespace

Result<std::vector<int32_t>> Tokenizer::Encode(std::string_view text,
                                               bool add_special_tokens) const {
  if (text.size() > kMaxInputBytes) {
    return MakeError(ErrorCode::kInvalidArgument, "", "a text of {} bytes; the limit is {}",
                     text.size(), kMaxInputBytes);
  }
  if (IsValidUtf8(text)) return EncodeValid(text, add_special_tokens);
  return EncodeValid(ReplaceInvalidUtf8(text), add_special_tokens);
}

Status Tokenizer::ReadEndTokens(const std::map<std::string, std::string>& files) {
  const auto add_eos = [&](int32_t id) {
    if (std::find(eos_ids_.begin(), eos_ids_.end(), id) == eos_ids_.end()) eos_ids_.push_back(id);
  };
  for (const char* name : {"generation_config.json", "config.json"}) {
    EBB_TRY_ASSIGN(const Json config, ParseModelFile(files, name));
    const Json ids = config.value("eos_token_id", Json());
    for (const Json& id : ids.is_array() ? ids : Json::array({ids})) {
      if (id.is_null()) continue;
      constexpr uint64_t kMaxId = std::numeric_limits<int32_t>::max();
      if (!id.is_number_unsigned() || id.get<uint64_t>() > kMaxId) {
        return MakeError(ErrorCode::kCorrupt, name, "\"eos_token_id\" is not a token id");
      }
      add_eos(id.get<int32_t>());
    }
  }
  const std::string where = "tokenizer_config.json";
  EBB_TRY_ASSIGN(const Json config, ParseModelFile(files, where));
  for (const char* key : {"bos_token", "eos_token"}) {
    EBB_TRY_ASSIGN(const std::optional<std::string> token, GetTokenText(config, key, where));
    if (!token) continue;
    const std::optional<int32_t> id = IdOf(*token);
    if (!id) {
      return MakeError(ErrorCode::kCorrupt, where, "\"{}\" is \"{}\", which is not a token", key,
                       *token);
    }
    if (key == std::string_view("bos_token")) {
      bos_id_ = id;
    } else {
      add_eos(*id);
    }
  }
  return {};
}

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::map<std::string, std::string>& files) {
  if (files.contains("tokenizer.json")) return LoadJsonTokenizer(files);
  if (files.contains("tiktoken.model")) return LoadTiktokenTokenizer(files);
  return MakeError(ErrorCode::kNotFound, "",
                   "no tokenizer: neither tokenizer.json nor tiktoken.model is there");
}

}  // namespace ebb
