#include "eval/prompt.h"

#include "base/hash.h"

namespace ebb {

std::string PromptHash(std::string_view prompt) {
  return fmt::format("{:016x}", Xxh3(std::as_bytes(std::span(prompt.data(), prompt.size()))));
}

Result<PromptMaker> PromptMaker::Create(const SideFiles& files, const Tokenizer& tokenizer,
                                        bool use_chat, PromptTemplate texts,
                                        std::vector<TaskItem> shots) {
  PromptMaker maker(tokenizer);
  maker.texts_ = std::move(texts);
  maker.shots_ = std::move(shots);
  for (const TaskItem& shot : maker.shots_) {
    if (shot.question.empty() || shot.solution.empty()) {
      return MakeError(ErrorCode::kInvalidArgument, "example " + shot.id,
                       "it has no question or no solution");
    }
  }
  if (!use_chat) return maker;
  auto chat = ChatTemplate::FromFiles(files);
  if (chat) {
    maker.chat_ = std::move(*chat);
  } else if (chat.error().code != ErrorCode::kNotFound) {
    return tl::unexpected(chat.error());
  }
  return maker;
}

std::vector<std::string> PromptMaker::stops() const {
  if (texts_.stops) return *texts_.stops;
  if (uses_chat()) return {};
  return {"\nQuestion:"};
}

std::string PromptMaker::QuestionOf(const TaskItem& item) const {
  return texts_.Question(item.question, item.format, item.asks_format);
}

// The solution's part is the assistant's turn behind the prompt, with the mark that ends it.
Result<PromptMaker::Texts> PromptMaker::MakeChat(const TaskItem& item) const {
  std::vector<ChatMessage> turns;
  if (!texts_.system.empty()) turns.push_back({"system", texts_.system});
  for (const TaskItem& shot : shots_) {
    turns.push_back({"user", QuestionOf(shot)});
    turns.push_back({"assistant", shot.solution});
  }
  turns.push_back({"user", QuestionOf(item)});
  Texts made;
  EBB_TRY_ASSIGN(made.prompt, chat_->Render(turns, true));
  if (item.solution.empty()) return made;
  turns.push_back({"assistant", item.solution});
  EBB_TRY_ASSIGN(const std::string whole, chat_->Render(turns, false));
  // A template that writes past answers otherwise than the prompt promises leaves the plain text.
  made.continuation =
      whole.starts_with(made.prompt) ? whole.substr(made.prompt.size()) : item.solution;
  return made;
}

PromptMaker::Texts PromptMaker::MakePlain(const TaskItem& item) const {
  Texts made;
  if (!texts_.system.empty()) made.prompt = texts_.system + texts_.separator;
  for (const TaskItem& shot : shots_) {
    made.prompt += texts_.Plain(QuestionOf(shot)) + texts_.Answer(shot.solution) + texts_.separator;
  }
  made.prompt += texts_.Plain(QuestionOf(item));
  if (!item.solution.empty()) made.continuation = texts_.Answer(item.solution);
  return made;
}

Result<ItemTokens> PromptMaker::Make(const TaskItem& item) const {
  ItemTokens tokens;
  if (!item.text.empty()) {
    EBB_TRY_ASSIGN(tokens.solution_ids, tokenizer_->Encode(item.text, true));
    return tokens;
  }
  Texts made;
  if (uses_chat()) {
    EBB_TRY_ASSIGN(made, MakeChat(item));
  } else {
    made = MakePlain(item);
  }
  // A chat template writes its special tokens itself.
  EBB_TRY_ASSIGN(tokens.prompt_ids, tokenizer_->Encode(made.prompt, !uses_chat()));
  if (!made.continuation.empty()) {
    EBB_TRY_ASSIGN(tokens.solution_ids, tokenizer_->Encode(made.continuation, false));
  }
  tokens.prompt = std::move(made.prompt);
  return tokens;
}

}  // namespace ebb
