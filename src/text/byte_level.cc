#include "text/byte_level.h"

#include <array>

#include "text/utf8.h"

namespace ebb {
namespace {

constexpr bool IsPrintable(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> character_of_byte{};
  std::array<int16_t, 0x144> byte_of_character{};  // -1: none

  constexpr Alphabet() {
    for (int16_t& byte : byte_of_character) byte = -1;
    char32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const char32_t character = IsPrintable(byte) ? byte : next++;
      character_of_byte[byte] = character;
      byte_of_character[character] = static_cast<int16_t>(byte);
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t CharacterOfByte(uint8_t byte) { return kAlphabet.character_of_byte[byte]; }

std::optional<uint8_t> ByteOfCharacter(char32_t character) {
  if (character >= kAlphabet.byte_of_character.size()) return std::nullopt;
  const int16_t byte = kAlphabet.byte_of_character[character];
  if (byte < 0) return std::nullopt;
  return static_cast<uint8_t>(byte);
}

std::string BytesToCharacters(std::string_view bytes) {
  std::string characters;
  for (const char byte : bytes)
    AppendUtf8(CharacterOfByte(static_cast<uint8_t>(byte)), &characters);
  return characters;
}

std::optional<std::string> CharactersToBytes(std::string_view characters) {
  std::string bytes;
  for (size_t at = 0; at < characters.size();) {
    const Utf8Unit unit = ReadValidUtf8(characters, at);
    const std::optional<uint8_t> byte = ByteOfCharacter(unit.code_point);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
    at += unit.size_bytes;
  }
  return bytes;
}

}  // namespace ebb
