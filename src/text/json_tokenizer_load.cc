#include <utility>
#include <vector>

#include "text/json_fields.h"
#include "text/json_tokenizer.h"
#include "text/tokenizer_json.h"

namespace ebb {
namespace {

constexpr const char* kFile = "tokenizer.json";
constexpr const char* kModel = "tokenizer.json: model";

Json ValueAt(const Json& object, const char* key) { return object.value(key, Json()); }

// model.vocab with its tokens in the order of their ids, which must be 0, 1, 2, ... without holes.
Result<Vocabulary> BuildVocabulary(const TokenizerJson& json) {
  const std::string where = "tokenizer.json: model.vocab";
  const size_t count = json.ids.size();
  std::vector<int64_t> entry_of_id(count, -1);
  for (size_t entry = 0; entry < count; ++entry) {
    const int64_t id = json.ids[entry];
    if (id < 0 || static_cast<uint64_t>(id) >= count) {
      return MakeError(
          ErrorCode::kCorrupt, where,
          "token \"{}\" has id {}; the ids of {} tokens must be 0 to {}, without holes",
          json.vocabulary[entry], id, count, count - 1);
    }
    int64_t& place = entry_of_id[static_cast<size_t>(id)];
    if (place >= 0) {
      return MakeError(ErrorCode::kCorrupt, where, "tokens \"{}\" and \"{}\" have the same id {}",
                       json.vocabulary[static_cast<size_t>(place)], json.vocabulary[entry], id);
    }
    place = static_cast<int64_t>(entry);
  }
  Vocabulary vocabulary;
  for (const int64_t entry : entry_of_id) {
    EBB_TRY(vocabulary.Append(json.vocabulary[static_cast<size_t>(entry)], where));
  }
  EBB_TRY(vocabulary.BuildIndex(where));
  return vocabulary;
}

Result<MergeTable> BuildMerges(const TextList& merges, const Vocabulary& vocabulary) {
  const size_t count = merges.size() / 2;
  MergeTable table(count);
  std::string joined;
  for (size_t rank = 0; rank < count; ++rank) {
    const std::string_view left = merges[2 * rank];
    const std::string_view right = merges[2 * rank + 1];
    joined.assign(left).append(right);
    for (const std::string_view token : {left, right, std::string_view(joined)}) {
      if (vocabulary.Find(token) == kNoToken) {
        return MakeError(ErrorCode::kCorrupt, kModel, "merges[{}]: \"{}\" is not in the vocabulary",
                         rank, token);
      }
    }
    table.Insert(vocabulary.Find(left), vocabulary.Find(right),
                 {static_cast<uint32_t>(rank), vocabulary.Find(joined)});
  }
  return table;
}

// That an option which would change the tokens is absent, null or "".
Status RefuseOption(const Json& model, const char* key) {
  const Json value = ValueAt(model, key);
  if (value.is_null() || value == Json("")) return {};
  return MakeError(ErrorCode::kUnsupported, kModel, "\"{}\" is set", key);
}

Result<std::unique_ptr<BpeModel>> BuildModel(const TokenizerJson& json) {
  const Json model = ValueAt(json.rest, "model");
  EBB_TRY(
      CheckKeys(model,
                {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                 "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"},
                kModel));
  EBB_TRY_ASSIGN(const std::string type, GetString(model, "type", kModel, "BPE"));
  if (type != "BPE") return UnknownComponent(type, "model", kModel);
  if (!json.has_vocabulary || !json.has_merges) {
    return MakeError(ErrorCode::kCorrupt, kModel, "\"{}\" is missing",
                     json.has_vocabulary ? "merges" : "vocab");
  }
  EBB_TRY(RefuseOption(model, "continuing_subword_prefix"));
  EBB_TRY(RefuseOption(model, "end_of_word_suffix"));
  EBB_TRY_ASSIGN(const double dropout, GetNumber(model, "dropout", 0, 1, kModel, 0.0));
  if (dropout != 0) return MakeError(ErrorCode::kUnsupported, kModel, "\"dropout\" is set");
  BpeOptions options;
  if (!ValueAt(model, "unk_token").is_null()) {
    EBB_TRY_ASSIGN(options.unk_token, GetString(model, "unk_token", kModel));
  }
  EBB_TRY_ASSIGN(options.fuse_unk, GetBool(model, "fuse_unk", kModel, false));
  EBB_TRY_ASSIGN(options.byte_fallback, GetBool(model, "byte_fallback", kModel, false));
  EBB_TRY_ASSIGN(options.ignore_merges, GetBool(model, "ignore_merges", kModel, false));
  EBB_TRY_ASSIGN(Vocabulary vocabulary, BuildVocabulary(json));
  EBB_TRY_ASSIGN(MergeTable merges, BuildMerges(json.merges, vocabulary));
  return std::make_unique<BpeModel>(std::move(vocabulary), std::move(merges), std::move(options));
}

Result<AddedToken> ReadAddedToken(const Json& json, const std::string& where) {
  EBB_TRY(CheckKeys(
      json, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}, where));
  AddedToken token;
  EBB_TRY_ASSIGN(const int64_t id, GetInt(json, "id", 0, kMaxVocabulary, where));
  token.id = static_cast<int32_t>(id);
  EBB_TRY_ASSIGN(token.content, GetString(json, "content", where));
  if (token.content.size() > kMaxTokenBytes) {
    return MakeError(ErrorCode::kCorrupt, where, "a token of {} bytes", token.content.size());
  }
  EBB_TRY_ASSIGN(token.single_word, GetBool(json, "single_word", where));
  EBB_TRY_ASSIGN(token.lstrip, GetBool(json, "lstrip", where));
  EBB_TRY_ASSIGN(token.rstrip, GetBool(json, "rstrip", where));
  EBB_TRY_ASSIGN(token.normalized, GetBool(json, "normalized", where));
  EBB_TRY_ASSIGN(token.special, GetBool(json, "special", where));
  return token;
}

// Puts one added token into `parts`. Hugging Face ignores the id that the file gives and takes the
// vocabulary's, or the next free one: a file that says otherwise contradicts itself.
Status AddToken(AddedToken token, const std::string& where, JsonTokenizer::Parts* parts) {
  const int32_t known = parts->model->vocabulary().Find(token.content);
  const int32_t id = known != kNoToken ? known : parts->vocab_size;
  if (token.id != id || !parts->added_ids.emplace(token.content, id).second) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "the token \"{}\" has id {}, but it is the vocabulary's {} or comes twice",
                     token.content, token.id, id);
  }
  if (known == kNoToken) ++parts->vocab_size;
  std::string text = token.content;
  if (token.normalized && parts->normalizer != nullptr) {
    NormalizedText normalized{text, 0};
    EBB_TRY(parts->normalizer->Apply(&normalized));
    text = std::move(normalized.text);
  }
  parts->added[id] = {text, token.special, false};
  AddedTokenFinder& finder = token.normalized ? parts->normalized_finder : parts->raw_finder;
  return finder.Add(text, std::move(token), where);
}

Status AddTokens(const Json& rest, JsonTokenizer::Parts* parts) {
  const Json list = ValueAt(rest, "added_tokens");
  if (!list.is_null() && !list.is_array()) {
    return MakeError(ErrorCode::kCorrupt, kFile, "\"added_tokens\" is not a list");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("{}: added_tokens[{}]", kFile, i);
    EBB_TRY_ASSIGN(AddedToken token, ReadAddedToken(list[i], where));
    EBB_TRY(AddToken(std::move(token), where, parts));
  }
  // Hugging Face skips a token whose decoded text is the content of a special one.
  for (auto& [id, added] : parts->added) {
    const auto same_text = parts->added_ids.find(added.text);
    added.skipped =
        same_text != parts->added_ids.end() && parts->added.at(same_text->second).special;
  }
  return {};
}

Status CheckFile(const Json& rest) {
  EBB_TRY(CheckKeys(rest,
                    {"version", "truncation", "padding", "added_tokens", "normalizer",
                     "pre_tokenizer", "post_processor", "decoder", "model"},
                    kFile));
  EBB_TRY_ASSIGN(const std::string version, GetString(rest, "version", kFile, "1.0"));
  if (version != "1.0") {
    return MakeError(ErrorCode::kUnsupported, kFile, "version \"{}\"", version);
  }
  if (!ValueAt(rest, "model").is_object()) {
    return MakeError(ErrorCode::kCorrupt, kFile, "\"model\" is not an object");
  }
  for (const char* key : {"truncation", "padding"}) {
    const Json value = ValueAt(rest, key);
    if (!value.is_null() && !value.is_object()) {
      return MakeError(ErrorCode::kCorrupt, kFile, "\"{}\" is not an object", key);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadJsonTokenizer(
    const std::map<std::string, std::string>& files) {
  JsonTokenizer::Parts parts;
  {
    EBB_TRY_ASSIGN(const TokenizerJson json, ReadTokenizerJson(files.at(kFile), kFile));
    EBB_TRY(CheckFile(json.rest));
    EBB_TRY_ASSIGN(parts.model, BuildModel(json));
    parts.vocab_size = parts.model->vocabulary().size();
    if (const Json step = ValueAt(json.rest, "normalizer"); !step.is_null()) {
      EBB_TRY_ASSIGN(parts.normalizer, MakeNormalizer(step, "tokenizer.json: normalizer"));
    }
    if (const Json step = ValueAt(json.rest, "pre_tokenizer"); !step.is_null()) {
      EBB_TRY_ASSIGN(parts.pre_tokenizer, MakePreTokenizer(step, "tokenizer.json: pre_tokenizer"));
    }
    EBB_TRY(AddTokens(json.rest, &parts));
    EBB_TRY_ASSIGN(parts.post_processor,
                   PostProcessor::Make(ValueAt(json.rest, "post_processor"), parts.vocab_size,
                                       "tokenizer.json: post_processor"));
    EBB_TRY_ASSIGN(TokenDecoder decoder,
                   TokenDecoder::Make(ValueAt(json.rest, "decoder"), "tokenizer.json: decoder"));
    parts.decoder = std::make_unique<TokenDecoder>(std::move(decoder));
  }
  auto tokenizer = std::make_unique<JsonTokenizer>(std::move(parts));
  EBB_TRY(tokenizer->ReadEndTokens(files));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace ebb
