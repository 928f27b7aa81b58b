// A chat template, a zero byte and a message. A template that compiles must render in bounded time
// and memory, to valid UTF-8 or to an error.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat.h"
#include "text/utf8.h"

namespace ebb {
namespace {

void FuzzChat(std::string_view input) {
  const size_t end = std::min(input.find('\0'), input.size());
  const auto chat =
      ChatTemplate::FromFiles({{"chat_template.jinja", std::string(input.substr(0, end))}});
  if (!chat) {
    EBB_CHECK(!chat.error().message.empty());
    return;
  }
  const std::string content(input.substr(std::min(end + 1, input.size())));
  const std::vector<ChatMessage> messages = {
      {"system", "Be brief."}, {"user", content}, {"assistant", "42"}, {"user", content}};
  for (size_t first = 0; first < 2; ++first) {
    const auto prompt = chat->Render(std::span(messages).subspan(first), first == 0);
    EBB_CHECK(prompt ? IsValidUtf8(*prompt) : !prompt.error().message.empty());
  }
}

}  // namespace
}  // namespace ebb

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ebb::FuzzChat({reinterpret_cast<const char*>(data), size});
  return 0;
}
