#!/usr/bin/env python3
"""Writes tests/golden/text: small tokenizers of every kind, and what the reference libraries make of texts.

For each tokenizer: its files, and cases.json with ids (with and without special tokens) and decoded texts,
from Hugging Face `tokenizers` for a tokenizer.json and from `tiktoken` for a tiktoken.model; for each chat
template the prompts of `transformers`. Everything is trained and written here; nothing is downloaded.

In the environment of requirements.txt:
    python3 tools/goldens/make_tokenizer_goldens.py tests/golden/text
"""
import base64
import json
import os
import sys

import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from chat_goldens import chat_goldens
from tokenizer_texts import LONG_TEXTS, TEXTS, corpus_lines

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
POSSESSIVE = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
              r"|\s*[\r\n]|\s+(?!\S)|\s")
MOONLIGHT = "|".join([
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK_LETTERS = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CJK = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"

# Added tokens with every flag; `normalized` ones are looked for after normalisation.
ADDED = [AddedToken("<mask>", lstrip=True, special=True, normalized=False),
         AddedToken("<|im_end|>", special=True, normalized=False),
         AddedToken("<|im_user|>", special=True, normalized=False),
         AddedToken("<|im_middle|>", special=False, normalized=False),
         AddedToken("oneword", single_word=True, normalized=False),
         AddedToken("KeepMe", normalized=True),
         AddedToken("É-token", normalized=True, special=True),
         AddedToken("LEFT", lstrip=True, normalized=False),
         AddedToken("RIGHT", rstrip=True, normalized=True)]


def train(tokenizer, vocab_size, special=(), alphabet=(), **options):
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(special), initial_alphabet=list(alphabet),
                                  show_progress=False, **options)
    tokenizer.train_from_iterator(list(corpus_lines()), trainer)
    return tokenizer


def byte_level(split, vocab_size, *, normalizer=None, special=("<|endoftext|>",), added=(), ignore_merges=False, bos=None, prefix=False):
    """A byte-level tokenizer: `split` is None for GPT-2's own pattern, else a list of pre-tokenizers before ByteLevel."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    last = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=split is None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, last]) if split else last
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, vocab_size, special, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.add_tokens(list(added))
    level = processors.ByteLevel(trim_offsets=False)
    if bos:
        template = processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))])
        level = processors.Sequence([level, template])
    tokenizer.post_processor = level
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def llama_decoder():
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def sentencepiece(vocab_size, *, byte_fallback=True, fuse_unk=True, unk="<unk>", normalizer=None, pre_tokenizer=None, decoder=None,
                  added=(), template="<s> $A", drop=""):
    """What a SentencePiece BPE model converts to. It is trained on words and then gets the given components."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    train(trained, vocab_size, ["<unk>", "<s>", "</s>"], limit_alphabet=260)
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    order = tokens[:3] + byte_tokens + [t for t in tokens[3:] if not set(t) & set(drop)]
    vocab = {token: i for i, token in enumerate(order)}
    merges = [tuple(m) for m in model["merges"] if not set("".join(m)) & set(drop)]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token=unk, fuse_unk=fuse_unk, byte_fallback=byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.add_tokens(list(added))
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template, pair=f"{template} $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def make_tokenizers():
    """name -> Tokenizer: the ones that are trained."""
    llama_normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    metaspace = lambda scheme, cut: pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=cut)
    unspace = lambda scheme: decoders.Metaspace("▁", prepend_scheme=scheme)
    return {
        "gpt2": byte_level(None, 900),
        "gpt2_prefix_space": byte_level(None, 600, special=["<s>", "</s>", "<unk>"], added=ADDED, prefix=True),
        "llama3": byte_level([split(LLAMA3)], 1100, special=["<|begin|>", "<|end|>"], ignore_merges=True, bos="<|begin|>", added=ADDED),
        "qwen2": byte_level([split(QWEN2)], 800, normalizer=normalizers.NFC(), added=ADDED),
        "deepseek_v3": byte_level([split(r"\p{N}{1,3}"), split(CJK), split(DEEPSEEK_LETTERS)], 1000, normalizer=normalizers.Sequence([]),
                                  special=["<s>", "</s>"], bos="<s>", added=ADDED),
        "moonlight_json": byte_level([split(MOONLIGHT)], 1000, added=ADDED),
        "possessive": byte_level([split(POSSESSIVE)], 500),
        "llama2": sentencepiece(900, normalizer=llama_normalizer, decoder=llama_decoder(), added=ADDED),
        "mixtral": sentencepiece(700, pre_tokenizer=metaspace("first", False), decoder=llama_decoder()),
        "metaspace_always": sentencepiece(600, pre_tokenizer=metaspace("always", True), decoder=unspace("always"), added=ADDED, template="<s> $A </s>"),
        "metaspace_never": sentencepiece(500, pre_tokenizer=metaspace("never", True), decoder=unspace("never"), fuse_unk=False, drop="tеe中"),
        "unknown": sentencepiece(500, byte_fallback=False, drop="qxzнとり", pre_tokenizer=pre_tokenizers.Whitespace(), template=None, added=ADDED,
                                 normalizer=normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])),
        "unknown_single": sentencepiece(400, byte_fallback=False, fuse_unk=False, drop="qxzнとり", pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
                                        normalizer=normalizers.NFKD(), template=None, decoder=decoders.Fuse()),
        "no_unknown": sentencepiece(400, byte_fallback=False, unk=None, normalizer=normalizers.NFKC(),
                                    pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous"),
                                                                           pre_tokenizers.Digits(individual_digits=True)])),
    }


def variants():
    """name -> (trained tokenizer, sections of its tokenizer.json that are replaced)."""
    result = {}
    for behavior in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            result[f"split_{behavior}_{'inverted' if invert else 'plain'}"] = ("llama2", {
                "normalizer": None, "decoder": {"type": "Fuse"},
                "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[aeiou ]|\d+|\n*"}, "behavior": behavior, "invert": invert}})
    def pre(name, *steps, **sections):
        result[name] = ("llama2", {"normalizer": None, "decoder": {"type": "Fuse"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(steps)}, **sections})
    def norm(name, *steps):
        result[name] = ("llama2", {"decoder": None, "post_processor": None, "normalizer": {"type": "Sequence", "normalizers": list(steps)}})
    text = lambda kind, value: {kind: value}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
    pre("split_string", {"type": "Split", "pattern": text("String", "the"), "behavior": "MergedWithNext", "invert": False})
    pre("split_empty", {"type": "Split", "pattern": text("Regex", ""), "behavior": "Isolated", "invert": False})
    pre("split_classes", {"type": "Split", "pattern": text("Regex", r"[\w&&[^\d_]]+(?<![aeiou])|(?i:[k-s]{2,3}?)\b|[[a-f][^\x00-\x7F]]{,2}+|\h+"), "behavior": "Isolated", "invert": False})
    pre("split_words", {"type": "Split", "pattern": text("Regex", r"\b\w+\b|^\s+$|(?<=\d)(?=\D)|\S(?i)ab|c"), "behavior": "MergedWithPrevious", "invert": False})
    pre("split_properties", {"type": "Split", "pattern": text("Regex", r"\p{Lu}+|\p{^Lu}\P{M}|[\p{Sc}\p{So}\P{L}&&\p{Han}]|\p{Hiragana}+|\p{Cyrillic}{2}"), "behavior": "Isolated", "invert": False})
    pre("metaspace_after_split", {"type": "Split", "pattern": text("String", "o"), "behavior": "Isolated", "invert": False}, metaspace,
        normalizer={"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Prepend", "prepend": "(("}]})
    pre("digits_contiguous", {"type": "Digits", "individual_digits": False}, {"type": "Punctuation", "behavior": "Contiguous"})
    pre("whitespace_then_bert", {"type": "Whitespace"}, {"type": "BertPreTokenizer"}, decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True})
    norm("nfkc_lower_strip", {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True})
    norm("nfd_replace_regex", {"type": "NFD"}, {"type": "Replace", "pattern": text("Regex", r"\s+|\p{Mn}"), "content": "▁"})
    norm("replace_empty", {"type": "Replace", "pattern": text("String", ""), "content": "-"})
    norm("nfkd_accents", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Replace", "pattern": text("String", "th"), "content": ""})
    result["decoder_strip"] = ("llama2", {"decoder": {"type": "Sequence", "decoders": [
        {"type": "Strip", "content": "▁", "start": 1, "stop": 0}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Replace", "pattern": text("String", "he"), "content": "HE"}, {"type": "Strip", "content": "e", "start": 2, "stop": 0}]}})  # Hugging Face panics where "stop" takes the whole text
    result["ignored_truncation"] = ("gpt2", {
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"}})
    legacy_merges = lambda t: [" ".join(m) for m in t["model"]["merges"]]
    result["merges_as_strings"] = ("gpt2", {"model.merges": legacy_merges})
    return result


def decode_reference(text):
    return text if isinstance(text, str) else text.decode("utf-8", errors="replace")


def fnv(ids):
    """FNV-1a over the ids as little-endian 32-bit numbers."""
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def cases(encode, decode, texts, long_texts):
    """What encode and decode make of the texts; what equals the plain ids or text is left out."""
    rows, long_rows = [], []
    for text in texts:
        plain, special = encode(decode_reference(text), False), encode(decode_reference(text), True)
        row = {"ids": plain}
        if special != plain:
            row["ids_special"] = special
        if decode:
            row["text"], skipping = decode(plain, False), decode(special, True)
            if skipping != row["text"]:
                row["text_skip"] = skipping
        rows.append(row)
    for unit, count in long_texts:
        ids = encode(unit * count, False)
        long_rows.append({"ids": len(ids), "fnv": fnv(ids)})
    return {"cases": rows, "long": long_rows}


def hugging_face_cases(tokenizer, long_texts, decodes=True):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    decode = lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip)
    return cases(lambda text, special: tokenizer.encode(text, add_special_tokens=special).ids, decode if decodes else None, TEXTS, long_texts)


def published_cuts(text):
    """Where Moonlight's tokenizer class cuts a text before tiktoken sees it: facts, written anew."""
    for start in range(0, len(text), 400_000):
        part, begin, run = text[start:start + 400_000], 0, 0
        for i, character in enumerate(part):
            run = run + 1 if i and character.isspace() == part[i - 1].isspace() else 1
            if run > 25_000:
                yield part[begin:i]
                begin, run = i, 1
        yield part[begin:]


def tiktoken_golden(trained):
    """A tiktoken.model from a byte-level tokenizer's tokens, and what tiktoken itself makes of the texts."""
    to_byte = {c: b for b, c in zip(byte_alphabet()[0], byte_alphabet()[1])}
    tokens = [bytes([b]) for b in range(256)]
    for left, right in json.loads(trained.to_str())["model"]["merges"]:
        token = bytes(to_byte[c] for c in left + right)
        if token not in tokens:
            tokens.append(token)
    base = len(tokens)
    named = {0: "[BOS]", 1: "[EOS]", 2: "<|im_end|>", 3: "<|im_user|>", 4: "<|im_assistant|>", 10: "<|im_system|>", 17: "<|im_middle|>", 254: "[UNK]", 255: "[PAD]"}
    specials = {named.get(i, f"<|reserved_token_{base + i}|>"): base + i for i in range(256)}
    config = {"added_tokens_decoder": {str(base + i): {"content": name, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
                                       for i, name in named.items()},
              "bos_token": "[BOS]", "eos_token": "[EOS]", "tokenizer_class": "TikTokenTokenizer"}
    files = {"tiktoken.model": "".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(tokens)),
             "tokenizer_config.json": json.dumps(config),
             "config.json": json.dumps({"vocab_size": base + 256, "eos_token_id": base + 2}),
             "generation_config.json": json.dumps({"eos_token_id": [base + 2]})}
    encoding = tiktoken.Encoding("moonlight", pat_str=MOONLIGHT, mergeable_ranks={t: i for i, t in enumerate(tokens)}, special_tokens=specials)
    encode = lambda text, special: [i for part in published_cuts(text) for i in encoding.encode(part, allowed_special="all")]
    decode = lambda ids, skip: encoding.decode([i for i in ids if not (skip and i >= base)])
    texts = TEXTS + [f"a<|reserved_token_{base + 20}|>b", f"<|reserved_token_{base + 256}|>", "[BOS][EOS][PAD]x"]
    return files, texts, cases(encode, decode, texts, LONG_TEXTS + [("a \n", 200_000), ("ab cd", 90_000)])


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return printable + others, [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


def text_as_json(text):
    return text if isinstance(text, str) else {"base64": base64.b64encode(text).decode()}


def patched(tokenizer, sections):
    content = json.loads(tokenizer.to_str())
    for key, value in sections.items():
        if key == "model.merges":
            content["model"]["merges"] = value(content)
        else:
            content[key] = value
    return content


def main():
    out = sys.argv[1]
    trained = make_tokenizers()
    write(f"{out}/texts.json", {"texts": [text_as_json(t) for t in TEXTS], "long": LONG_TEXTS})
    for name, tokenizer in trained.items():
        write(f"{out}/{name}/tokenizer.json", json.loads(tokenizer.to_str()))
        write(f"{out}/{name}/cases.json", hugging_face_cases(tokenizer, LONG_TEXTS))
    for name, (base, sections) in variants().items():
        content = patched(trained[base], sections)
        stored = {"base": base, "sections": {key: content["model"]["merges"] if key == "model.merges" else content[key] for key in sections}}
        golden = hugging_face_cases(Tokenizer.from_str(json.dumps(content)), [], decodes=sections.get("decoder") != {"type": "Fuse"})
        write(f"{out}/variants/{name}.json", {**stored, **golden})
    files, texts, golden = tiktoken_golden(trained["moonlight_json"])
    for name, content in files.items():
        write(f"{out}/moonlight_tiktoken/{name}", content)
    write(f"{out}/moonlight_tiktoken/cases.json", {"texts": [text_as_json(t) for t in texts[len(TEXTS):]], "long_texts": [("a \n", 200_000), ("ab cd", 90_000)], **golden})
    write(f"{out}/chat.json", chat_goldens())


if __name__ == "__main__":
    main()
