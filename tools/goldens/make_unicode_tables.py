#!/usr/bin/env python3
"""Writes src/text/unicode_tables.cc: where Hugging Face `tokenizers` and our libraries differ.

Each part of `tokenizers` carries the Unicode data of another age: Oniguruma's \\p{...} (16.0), Rust's
char::is_numeric and to_lowercase (17.0), a punctuation table (8.0), normalisation and combining marks
(9.0). PCRE2 (14.0 in Debian 12) and utf8proc (15.0) have yet other ages. Equal token ids need equal
tables, so this script asks the pinned `tokenizers` about every code point and keeps the answers.

Run it in the environment of requirements.txt, with libpcre2-8 and libutf8proc of Debian 12 installed:
    python3 tools/goldens/make_unicode_tables.py > src/text/unicode_tables.cc
"""
import ctypes
import ctypes.util

from tokenizers import Regex, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
ALL = set(CODE_POINTS)
TEXT = "".join(map(chr, CODE_POINTS))
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp "
              "Cc Cf Co").split()
SCRIPTS = ("Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Han Hangul Hebrew "
           "Hiragana Katakana Khmer Lao Latin Mongolian Myanmar Tamil Telugu Thai Tibetan").split()
PCRE2_UTF, PCRE2_UCP, PCRE2_NO_UTF_CHECK = 0x00080000, 0x00020000, 0x40000000
UTF8PROC_STABLE, UTF8PROC_COMPAT, UTF8PROC_COMPOSE, UTF8PROC_DECOMPOSE = 2, 4, 8, 16

pcre2 = ctypes.CDLL(ctypes.util.find_library("pcre2-8"))
utf8proc = ctypes.CDLL(ctypes.util.find_library("utf8proc"))
libc = ctypes.CDLL(None)
for function, result, arguments in (
        (pcre2.pcre2_compile_8, ctypes.c_void_p,
         [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
        (pcre2.pcre2_match_data_create_8, ctypes.c_void_p, [ctypes.c_uint32, ctypes.c_void_p]),
        (pcre2.pcre2_match_8, ctypes.c_int,
         [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32,
          ctypes.c_void_p, ctypes.c_void_p]),
        (utf8proc.utf8proc_map, ctypes.c_ssize_t,
         [ctypes.c_char_p, ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int]),
        (utf8proc.utf8proc_tolower, ctypes.c_int32, [ctypes.c_int32]),
        (libc.free, None, [ctypes.c_void_p])):
    function.restype, function.argtypes = result, arguments


def matched_by_oniguruma(pattern):
    return ALL - set(map(ord, normalizers.Replace(Regex(pattern), "").normalize_str(TEXT)))


def matched_by_pcre2(pattern):
    error, offset = ctypes.c_int(), ctypes.c_size_t()
    code = pcre2.pcre2_compile_8(pattern.encode(), len(pattern), PCRE2_UTF | PCRE2_UCP,
                                 ctypes.byref(error), ctypes.byref(offset), None)
    assert code, pattern
    data = pcre2.pcre2_match_data_create_8(1, None)
    matched = set()
    for c in CODE_POINTS:
        text = chr(c).encode()
        if pcre2.pcre2_match_8(code, text, len(text), 0, PCRE2_NO_UTF_CHECK, data, None) >= 0:
            matched.add(c)
    return matched


def normalized_by_utf8proc(text, options):
    out = ctypes.c_void_p()
    data = text.encode()
    size = utf8proc.utf8proc_map(data, len(data), ctypes.byref(out), UTF8PROC_STABLE | options)
    result = ctypes.string_at(out, size).decode()
    libc.free(out)
    return result


def ranges(code_points):
    result = []
    for c in sorted(code_points):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def removed_by(pre_tokenizer):
    kept = set()
    for piece, _ in pre_tokenizer.pre_tokenize_str(TEXT):
        kept |= set(map(ord, piece))
    return ALL - kept


def numeric():
    """Code points that Digits isolates, each seen between letters."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return {c for c in CODE_POINTS
            if len(digits.pre_tokenize_str("a" + chr(c) + "a")) == 3}


def inert_in_normalization():
    """Code points that utf8proc decomposes, composes or reorders and `tokenizers` does not: too new."""
    nfc, nfd, nfkd = normalizers.NFC(), normalizers.NFD(), normalizers.NFKD()
    # Marks of several combining classes: one of them changes places with any other reordered mark.
    references = [0x334, 0x94D, 0x3099, 0x5B0, 0x327, 0x316, 0x301, 0x345, 0x1DCE, 0x302E, 0x315, 0x35C]
    marks = matched_by_oniguruma(r"\p{M}")
    inert = set()
    for c in CODE_POINTS:
        text = chr(c)
        if nfkd.normalize_str(text) != normalized_by_utf8proc(text, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT):
            inert.add(c)
        pair = normalized_by_utf8proc(text, UTF8PROC_DECOMPOSE)
        if len(pair) == 2 and nfc.normalize_str(pair) != normalized_by_utf8proc(pair, UTF8PROC_COMPOSE):
            inert.add(ord(pair[1]))
        if c in marks:
            for reference in references:
                for pair in ("a" + text + chr(reference), "a" + chr(reference) + text):
                    if nfd.normalize_str(pair) != normalized_by_utf8proc(pair, UTF8PROC_DECOMPOSE):
                        inert.add(c)
    return inert


def lowercase_differences():
    """(first, last, delta) where Rust's simple lower case is not utf8proc's; U+0130 has two code points."""
    lowercase = normalizers.Lowercase()
    rows = []
    for c in CODE_POINTS:
        theirs = lowercase.normalize_str(chr(c))
        if c == 0x130:
            assert theirs == "i\u0307"
        elif theirs != chr(utf8proc.utf8proc_tolower(c)):
            delta = ord(theirs) - c
            if rows and rows[-1][1] == c - 1 and rows[-1][2] == delta:
                rows[-1][1] = c
            else:
                rows.append([c, c, delta])
    return rows


def print_rows(declaration, rows):
    print(f"constexpr {declaration}[] = {{")
    line = "   "
    for row in rows:
        if len(line) + len(row) + 2 > 100:
            print(line)
            line = "   "
        line += f" {row},"
    print(line)
    print("};\n")


def print_ranges(name, code_points):
    print_rows(f"CodePointRange {name}", [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(code_points)])


def regex_additions():
    rows = []
    for name in CATEGORIES + SCRIPTS:
        script = "sc:" if name in SCRIPTS else ""
        theirs, ours = matched_by_oniguruma(rf"\p{{{name}}}"), matched_by_pcre2(rf"\p{{{script}{name}}}")
        # U+1171E moved from Mn to Mc: a pattern with Mn alone is the one known difference.
        assert ours - theirs <= {0x1171E}, (name, ours - theirs)
        rows += [f'{{"{name}", 0x{a:X}, 0x{b:X}}}' for a, b in ranges(theirs - ours)]
    return rows


HEAD = '''// Generated by tools/goldens/make_unicode_tables.py: do not edit.
#include "text/unicode_tables.h"

// clang-format off
namespace ebb {
namespace {
'''

TAIL = '''}  // namespace

std::span<const CodePointRange> NumericRanges() { return kNumeric; }
std::span<const CodePointRange> PunctuationRanges() { return kPunctuation; }
std::span<const CodePointRange> MarkRanges() { return kMark; }
std::span<const CodePointRange> NormalizationInertRanges() { return kNormalizationInert; }
std::span<const LowercaseRange> LowercaseDifferences() { return kLowercaseDifferences; }
std::span<const PropertyRange> PropertyAdditions() { return kPropertyAdditions; }

}  // namespace ebb'''


def main():
    print(HEAD)
    print_ranges("kNumeric", numeric())
    print_ranges("kPunctuation", removed_by(pre_tokenizers.Punctuation("removed")))
    print_ranges("kMark", ALL - set(map(ord, normalizers.StripAccents().normalize_str(TEXT))))
    print_ranges("kNormalizationInert", inert_in_normalization())
    print_rows("LowercaseRange kLowercaseDifferences",
               [f"{{0x{a:X}, 0x{b:X}, {d}}}" for a, b, d in lowercase_differences()])
    print_rows("PropertyRange kPropertyAdditions", regex_additions())
    print(TAIL)


if __name__ == "__main__":
    main()
