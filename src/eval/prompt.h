// From an item to tokens.
//
// With the model's chat template the question (and, if it does not say so itself, how the answer is
// wanted) is a user's turn, and the reference solution the assistant's. Without one:
//
//     Question: QUESTION
//     HOW TO ANSWER
//     Answer: SOLUTION
//
// Examples (shots) come before it as turns, or as such blocks. prompt_template.h changes the texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/weight_source.h"
#include "eval/prompt_template.h"
#include "eval/task_items.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace ebb {

struct ItemTokens {
  std::string prompt;                 // the text that a generation goes on from; a text item: empty
  std::vector<int32_t> prompt_ids;    // of it
  std::vector<int32_t> solution_ids;  // what follows: the reference solution, or the whole text
};

// 64 bits of the prompt text as 16 hexadecimal digits, so that runs can be told apart.
[[nodiscard]] std::string PromptHash(std::string_view prompt);

// Makes prompts for one model. Must not outlive the tokenizer. Thread-safe.
class PromptMaker {
 public:
  // `use_chat`: with the chat template, if the model has one. A template that is there but cannot
  // be used is an error. `shots` are put before every question; one without a solution is
  // kInvalidArgument.
  [[nodiscard]] static Result<PromptMaker> Create(const SideFiles& files,
                                                  const Tokenizer& tokenizer, bool use_chat,
                                                  PromptTemplate texts = {},
                                                  std::vector<TaskItem> shots = {});

  bool uses_chat() const { return chat_.has_value(); }
  // Texts that end a generation: what a model without turns would write after its answer.
  std::vector<std::string> stops() const;

  [[nodiscard]] Result<ItemTokens> Make(const TaskItem& item) const;

 private:
  explicit PromptMaker(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  [[nodiscard]] std::string QuestionOf(const TaskItem& item) const;
  // Both give the prompt, and what the reference solution adds to it.
  struct Texts {
    std::string prompt;
    std::string continuation;
  };
  [[nodiscard]] Result<Texts> MakeChat(const TaskItem& item) const;
  [[nodiscard]] Texts MakePlain(const TaskItem& item) const;

  const Tokenizer* tokenizer_;
  std::optional<ChatTemplate> chat_;
  PromptTemplate texts_;
  std::vector<TaskItem> shots_;
};

}  // namespace ebb
