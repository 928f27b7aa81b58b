#include "text/post_processor.h"

#include "text/json_fields.h"

namespace ebb {
namespace {

// The ids that the template's special token `name` stands for.
Result<std::vector<int32_t>> ReadSpecialIds(const Json& special_tokens, const std::string& name,
                                            int32_t vocab_size, const std::string& where) {
  const auto found = special_tokens.find(name);
  if (found == special_tokens.end()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"special_tokens\" lacks \"{}\"", name);
  }
  EBB_TRY(CheckKeys(*found, {"id", "ids", "tokens"}, where));
  EBB_TRY_ASSIGN(const Json* list, GetArray(*found, "ids", where));
  std::vector<int32_t> ids;
  for (const Json& id : *list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(vocab_size)) {
      return MakeError(ErrorCode::kCorrupt, where, "an id of \"{}\" is not below {}", name,
                       vocab_size);
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

Result<PostProcessor> PostProcessor::Make(const Json& json, int32_t vocab_size,
                                          const std::string& where) {
  PostProcessor processor;
  if (!json.is_null()) EBB_TRY(processor.Add(json, vocab_size, where));
  if (!processor.has_template_) processor.parts_ = {Part{}};
  return processor;
}

Status PostProcessor::Add(const Json& json, int32_t vocab_size, const std::string& where) {
  EBB_TRY_ASSIGN(const std::string type, GetType(json, where));
  if (type == "ByteLevel") {
    return CheckKeys(json, {"type", "add_prefix_space", "trim_offsets", "use_regex"}, where);
  }
  if (type == "Sequence") {
    EBB_TRY(CheckKeys(json, {"type", "processors"}, where));
    EBB_TRY_ASSIGN(const Json* list, GetArray(json, "processors", where));
    for (size_t i = 0; i < list->size(); ++i) {
      EBB_TRY(Add((*list)[i], vocab_size, fmt::format("{}.processors[{}]", where, i)));
    }
    return {};
  }
  if (type != "TemplateProcessing") return UnknownComponent(type, "post-processor", where);
  if (has_template_) {
    return MakeError(ErrorCode::kUnsupported, where, "more than one TemplateProcessing");
  }
  has_template_ = true;
  return AddTemplate(json, vocab_size, where);
}

Status PostProcessor::AddTemplate(const Json& json, int32_t vocab_size, const std::string& where) {
  EBB_TRY(CheckKeys(json, {"type", "single", "pair", "special_tokens"}, where));
  EBB_TRY_ASSIGN(const Json* single, GetArray(json, "single", where));
  const auto special_tokens = json.find("special_tokens");
  if (special_tokens == json.end() || !special_tokens->is_object()) {
    return MakeError(ErrorCode::kCorrupt, where, "\"special_tokens\" is not an object");
  }
  for (const Json& piece : *single) {
    EBB_TRY(CheckKeys(piece, {"Sequence", "SpecialToken"}, where));
    if (piece.size() != 1) {
      return MakeError(ErrorCode::kCorrupt, where, "a piece of \"single\" is not one thing");
    }
    const Json& content = piece.begin().value();
    EBB_TRY(CheckKeys(content, {"id", "type_id"}, where));
    EBB_TRY_ASSIGN(const std::string id, GetString(content, "id", where));
    Part part;
    if (piece.contains("Sequence")) {
      if (id != "A") {
        return MakeError(ErrorCode::kUnsupported, where, "sequence \"{}\" in \"single\"", id);
      }
    } else {
      part.is_text = false;
      EBB_TRY_ASSIGN(part.special_ids, ReadSpecialIds(*special_tokens, id, vocab_size, where));
    }
    parts_.push_back(std::move(part));
  }
  return {};
}

std::vector<int32_t> PostProcessor::Apply(std::vector<int32_t> ids, bool add_special_tokens) const {
  const bool is_plain = parts_.size() == 1 && parts_[0].is_text;
  if (is_plain) return ids;
  std::vector<int32_t> all;
  for (const Part& part : parts_) {
    if (part.is_text) {
      all.insert(all.end(), ids.begin(), ids.end());
    } else if (add_special_tokens) {
      all.insert(all.end(), part.special_ids.begin(), part.special_ids.end());
    }
  }
  return all;
}

}  // namespace ebb
