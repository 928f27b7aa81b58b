// The version of this program.
#pragma once

namespace ebb {

inline constexpr char kVersion[] = EBB_VERSION;

}  // namespace ebb
