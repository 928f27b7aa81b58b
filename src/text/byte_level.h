// The byte-level alphabet: every byte as one printable character.
//
// GPT-2's vocabulary files hold text, so each byte is spelled as a character: printable Latin-1
// stands for itself, and the other 68 bytes, in order, for U+0100, U+0101, ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ebb {

[[nodiscard]] char32_t CharacterOfByte(uint8_t byte);
[[nodiscard]] std::optional<uint8_t> ByteOfCharacter(char32_t character);

// The characters of all bytes, as UTF-8.
[[nodiscard]] std::string BytesToCharacters(std::string_view bytes);
// The bytes of all characters of valid UTF-8, or nothing if one of them stands for no byte.
[[nodiscard]] std::optional<std::string> CharactersToBytes(std::string_view characters);

}  // namespace ebb
