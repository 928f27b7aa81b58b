// ebb tokenize: text to token ids.
#include <memory>

#include "cli/command.h"
#include "cli/text_input.h"
#include "engine/model_files.h"
#include "text/tokenizer.h"

namespace ebb {
namespace {

struct Options {
  std::string model;
  std::optional<std::string> text;
  bool no_special = false;
  bool json = false;
};

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(const ModelFiles files, OpenModelFiles(options.model));
  EBB_TRY_ASSIGN(const auto tokenizer, LoadTokenizer(files.source->side_files()));
  EBB_TRY_ASSIGN(const std::string text, TextOrStdin(options.text));
  EBB_TRY_ASSIGN(const std::vector<int32_t> ids, tokenizer->Encode(text, !options.no_special));
  if (options.json) {
    OrderedJson json;
    json["ids"] = ids;
    json["pieces"] = OrderedJson::array();
    for (const int32_t id : ids) json["pieces"].push_back(tokenizer->Piece(id));
    PrintJson(json);
    return kExitDone;
  }
  for (const int32_t id : ids) fmt::print("{:>8}  {:?}\n", id, tokenizer->Piece(id));
  fmt::print("{} tokens\n", ids.size());
  return kExitDone;
}

}  // namespace

void AddTokenize(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("tokenize", "Show the tokens of a text");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "An .ebb file, or a checkpoint folder")->required();
  command->add_option("--text", options->text, "The text (default: stdin)");
  command->add_flag("--no-special", options->no_special,
                    "Add no special tokens (BOS, EOS) around the text");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
