#include "text/chat.h"

#include <utility>

#include "text/model_files.h"
#include "text/utf8.h"

namespace ebb {
namespace {

constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kTemplateFile = "chat_template.jinja";

// The source of the template and the file that it comes from.
struct Source {
  std::string text;
  std::string file;
};

Result<Source> FindSource(const std::map<std::string, std::string>& files, const Json& config) {
  const auto file = files.find(kTemplateFile);
  if (file != files.end()) return Source{file->second, kTemplateFile};
  const Json chat = config.value("chat_template", Json());
  if (chat.is_string()) return Source{chat.get<std::string>(), kConfigFile};
  if (chat.is_array()) {
    for (const Json& entry : chat) {
      EBB_TRY_ASSIGN(const std::string name, GetString(entry, "name", kConfigFile));
      if (name != "default") continue;
      EBB_TRY_ASSIGN(std::string text, GetString(entry, "template", kConfigFile));
      return Source{std::move(text), kConfigFile};
    }
  } else if (!chat.is_null()) {
    return MakeError(ErrorCode::kCorrupt, kConfigFile, "\"chat_template\" is not a text");
  }
  return MakeError(ErrorCode::kNotFound, kConfigFile,
                   "the model has no chat template: give it a raw prompt");
}

}  // namespace

Result<ChatTemplate> ChatTemplate::FromFiles(const std::map<std::string, std::string>& files) {
  EBB_TRY_ASSIGN(const Json config, ParseModelFile(files, kConfigFile));
  EBB_TRY_ASSIGN(const Source source, FindSource(files, config));
  ChatTemplate chat;
  EBB_TRY_ASSIGN(chat.template_, JinjaTemplate::Parse(source.text, source.file));
  for (const char* key : {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token",
                          "cls_token", "mask_token"}) {
    EBB_TRY_ASSIGN(std::optional<std::string> token, GetTokenText(config, key, kConfigFile));
    if (token) chat.special_tokens_.emplace_back(key, *std::move(token));
  }
  return chat;
}

Result<std::string> ChatTemplate::Render(std::span<const ChatMessage> messages,
                                         bool add_generation_prompt) const {
  if (messages.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "", "a chat needs at least one message");
  }
  JinjaValue::List list;
  for (const ChatMessage& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      return MakeError(ErrorCode::kInvalidArgument, "",
                       "a message's role is system, user or assistant, not \"{}\"", message.role);
    }
    list.emplace_back(
        JinjaValue::Dict{{"role", message.role}, {"content", ReplaceInvalidUtf8(message.content)}});
  }
  JinjaValue::Dict globals = special_tokens_;
  globals.emplace_back("messages", std::move(list));
  globals.emplace_back("add_generation_prompt", add_generation_prompt);
  globals.emplace_back("tools", JinjaValue::None{});
  globals.emplace_back("documents", JinjaValue::None{});
  return template_.Render(globals);
}

}  // namespace ebb
