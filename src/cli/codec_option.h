// Options that name a codec.
#pragma once

#include <string>

#include "peers/codecs.h"

namespace ebb {

// FindCodec for the value of `option`: a name that is none is wrong usage, a codec that is not
// available a failure that says what to install.
[[nodiscard]] Result<const Codec*> CodecOption(const std::string& option, std::string_view name);

}  // namespace ebb
