// All codecs of this build: the project's own and those that it is compared with.
//
// Thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "codec/codec.h"

namespace ebb {

// All of them, available or not, in the order in which they are listed.
[[nodiscard]] std::span<const std::unique_ptr<Codec>> Codecs();

// By name. A name without a variant is the family's first: "ebb" is "ebb:fast", "sz3"
// "sz3:interp-lorenzo". An unknown name is kInvalidArgument with the known ones, an unavailable
// codec kUnsupported with what to install.
[[nodiscard]] Result<const Codec*> FindCodec(std::string_view name);

}  // namespace ebb
