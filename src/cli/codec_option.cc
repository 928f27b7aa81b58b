#include "cli/codec_option.h"

#include "cli/command.h"

namespace ebb {

Result<const Codec*> CodecOption(const std::string& option, std::string_view name) {
  auto codec = FindCodec(name);
  if (codec || codec.error().code != ErrorCode::kInvalidArgument) return codec;
  return tl::unexpected(ForOption(codec.error(), option));
}

}  // namespace ebb
