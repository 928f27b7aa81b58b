#!/usr/bin/env python3
"""Writes the seeds of the tokenizer.json fuzzer: tiny tokenizers that together have every component.

    python3 tools/goldens/make_tokenizer_fuzz_seeds.py fuzz/corpus/tokenizer_json
"""
import json
import os
import sys


def added(token_id, content, **flags):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": False, **flags}


def tokenizer(vocab, merges=(), added_tokens=(), model=None, **parts):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added_tokens), "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, **(model or {}),
                      "vocab": {token: i for i, token in enumerate(vocab)}, "merges": list(merges)}}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


BYTES = [f"<0x{b:02X}>" for b in (0x0A, 0xE4, 0xB8, 0xAD, 0xFF)]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}

SEEDS = {
    "plain": (tokenizer("abc"), "abcab"),
    "merges": (tokenizer(["a", "b", "c", "ab", "abc"], ["a b", "ab c"], model={"ignore_merges": True}), "abc cab"),
    "byte_level": (tokenizer(["a", "b", "Ġ", "Ġa", "ä", "¸", "Ń", "Ċ", "'", "s"], [["Ġ", "a"]], pre_tokenizer=BYTE_LEVEL, decoder=BYTE_LEVEL,
                             post_processor=sequence("processors", BYTE_LEVEL)), "a a's 中\n\xff"),
    "llama": (tokenizer(["<s>", "<unk>", *BYTES, "▁", "a", "▁a"], [["▁", "a"]], [added(0, "<s>", special=True)],
                        {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}, post_processor=TEMPLATE,
                        normalizer=sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
                        decoder=sequence("decoders", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                                         {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})), "a a 中é<s>a"),
    "metaspace": (tokenizer(["▁", "a", "b"], pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
                            decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}), " a b  ab"),
    "added": (tokenizer(["a", " ", "y"], added_tokens=[added(3, "<m>", lstrip=True), added(4, "R", rstrip=True), added(5, "w", single_word=True),
                                                       added(6, "Yes", normalized=True, special=True)], normalizer={"type": "Lowercase"}), "a <m> R  a w wa YES"),
    "splits": (tokenizer("ab1", pre_tokenizer=sequence("pretokenizers", split(r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"),
                                                      split("b", "MergedWithNext", True, "String"), split(r"[\p{L}&&[^a\p{Han}]]+", "Contiguous"))), "ab1 ba's 中b\n\n 12345"),
    "lookaround": (tokenizer("abc ", pre_tokenizer=split(r"(?<=a)b(?!c)|\b\w{2,3}?\b|^\s*$|(?>a+)b*+|[[a-c]x-z]{,2}", "MergedWithPrevious")), "abc ab\n\nxyz"),
    "characters": (tokenizer("ab1.", pre_tokenizer=sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Removed"},
                                                           {"type": "Digits", "individual_digits": True}, {"type": "Whitespace"}, {"type": "BertPreTokenizer"})), "a.b 11, ½"),
    "normalizers": (tokenizer("aef1", normalizer=sequence("normalizers", {"type": "NFKC"}, {"type": "NFD"}, {"type": "StripAccents"}, {"type": "NFKD"}, {"type": "NFC"},
                                                         {"type": "Strip", "strip_left": True, "strip_right": True},
                                                         {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "ea"})), "  é①ﬁ\u0301\u0323aa "),
    "decoders": (tokenizer(["h", "e", "x"], decoder=sequence("decoders", {"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "he"}, "content": "X"},
                                                             {"type": "Strip", "content": "x", "start": 1, "stop": 2})), "xhehhexx"),
}


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, (content, text) in SEEDS.items():
        data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\0" + text.encode("utf-8").replace(b"\xc3\xbf", b"\xff")
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
