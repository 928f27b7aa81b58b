#include "eval/prompt.h"

#include <array>

#include "base/hash.h"

namespace ebb {

std::string_view FormatInstruction(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kBoxed:
      return "Please reason step by step, and put your final answer within \\boxed{}.";
    case AnswerFormat::kHash:
      return "Please reason step by step, and end with your final answer on a line of its own, as "
             "#### ANSWER.";
    case AnswerFormat::kJson:
      return "Please reason step by step, and end with your final answer as {\"answer\": ANSWER}.";
  }
  return "";
}

std::string PromptHash(std::string_view prompt) {
  return fmt::format("{:016x}", Xxh3(std::as_bytes(std::span(prompt.data(), prompt.size()))));
}

Result<PromptMaker> PromptMaker::Create(const SideFiles& files, const Tokenizer& tokenizer,
                                        bool use_chat) {
  PromptMaker maker(tokenizer);
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
  if (uses_chat()) return {};
  return {"\nQuestion:"};
}

Result<std::string> PromptMaker::Continuation(const std::string& prompt,
                                              const ChatMessage& question,
                                              const std::string& solution) const {
  const std::array<ChatMessage, 2> turns = {question, {"assistant", solution}};
  EBB_TRY_ASSIGN(const std::string whole, chat_->Render(turns, false));
  // A template that writes past answers otherwise than the prompt promises leaves the plain text.
  return whole.starts_with(prompt) ? whole.substr(prompt.size()) : solution;
}

Result<ItemTokens> PromptMaker::Make(const TaskItem& item) const {
  ItemTokens tokens;
  if (!item.text.empty()) {
    EBB_TRY_ASSIGN(tokens.solution_ids, tokenizer_->Encode(item.text, true));
    return tokens;
  }
  std::string question = item.question;
  if (!item.asks_format) question.append("\n").append(FormatInstruction(item.format));
  std::string continuation;
  if (uses_chat()) {
    const ChatMessage turn = {"user", question};
    EBB_TRY_ASSIGN(tokens.prompt, chat_->Render(std::span(&turn, 1), true));
    if (!item.solution.empty()) {
      EBB_TRY_ASSIGN(continuation, Continuation(tokens.prompt, turn, item.solution));
    }
  } else {
    tokens.prompt = fmt::format("Question: {}\nAnswer:", question);
    if (!item.solution.empty()) continuation = " " + item.solution;
  }
  // A chat template writes its special tokens itself.
  EBB_TRY_ASSIGN(tokens.prompt_ids, tokenizer_->Encode(tokens.prompt, !uses_chat()));
  if (!continuation.empty()) {
    EBB_TRY_ASSIGN(tokens.solution_ids, tokenizer_->Encode(continuation, false));
  }
  return tokens;
}

}  // namespace ebb
