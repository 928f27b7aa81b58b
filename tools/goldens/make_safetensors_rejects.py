#!/usr/bin/env python3
"""Writes tests/reject/safetensors: malformed files, each with the error that it must give.

errors.json maps a file to that error. safetensors itself must refuse every file, but for those
listed in STRICTER, where Ebb is stricter and the comment says why.
"""

import json
import pathlib
import struct

import safetensors

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "reject" / "safetensors"

# Upstream ignores fields that the format does not have, allows any rank, and white space where the
# format's own text demands a brace. Ebb does not: who ignores what he does not know reads another
# format's file wrongly one day.
STRICTER = {"unknown_field", "too_many_dimensions", "space_before"}


def entry(begin, end, shape=(2, 2), dtype="F32", **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]} | more


def file(header, data=16, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


GOOD = {"a": entry(0, 16)}
GOOD_BYTES = len(json.dumps(GOOD))
A = b'{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}'

CASES = {
    # the start
    "empty": (b"", "truncated: a safetensors file has at least 8 bytes, this one 0"),
    "only_length": (b"\x10\0\0", "truncated: a safetensors file has at least 8 bytes, this one 3"),
    "header_past_the_end": (
        file(GOOD, length=1000),
        f"truncated: the header is said to have 1000 bytes, the file has {GOOD_BYTES + 24}",
    ),
    "header_one_past_the_end": (
        file(GOOD, data=0, length=GOOD_BYTES + 1),
        f"truncated: the header is said to have {GOOD_BYTES + 1} bytes, the file has "
        f"{GOOD_BYTES + 8}",
    ),
    "header_absurd": (
        file(GOOD, length=2**64 - 1),
        "not a safetensors file: the header is said to have 18446744073709551615 bytes; at most "
        "100000000 are allowed",
    ),
    "header_over_the_limit": (
        file(GOOD, length=100_000_001),
        "not a safetensors file: the header is said to have 100000001 bytes; at most 100000000 are "
        "allowed",
    ),
    "git_lfs_pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 17179869184\n",
        "not a safetensors file but the Git LFS pointer to one; fetch it with `git lfs pull`",
    ),
    "header_empty": (
        file(b"", data=0),
        "not a safetensors file: the header is not a JSON object",
    ),
    # the JSON
    "not_json": (file(b"{a: 1}", data=0), "bad JSON at byte 2 of the header"),
    "json_cut": (file(A, data=16), "bad JSON at byte 57 of the header"),
    "json_then_more": (file(A + b"} x"), "bad JSON at byte 59 of the header"),
    "json_then_nul": (file(A + b"}\0"), "bad JSON at byte 58 of the header"),
    "space_before": (
        file(b" " + A + b"}"),
        "not a safetensors file: the header is not a JSON object",
    ),
    "byte_order_mark": (
        file(b"\xef\xbb\xbf" + A + b"}"),
        "not a safetensors file: the header is not a JSON object",
    ),
    "bad_utf8": (file(A.replace(b'"a"', b'"\xff"') + b"}"), "bad JSON at byte 3 of the header"),
    "list": (file(b"[]", data=0), "not a safetensors file: the header is not a JSON object"),
    "deep": (file(b'{"a":' + b"[" * 5000, data=0), 'the tensor "a" is a list, not an object'),
    "metadata_number": (
        file({"__metadata__": {"format": 1}} | GOOD),
        '"__metadata__" holds a number, not strings',
    ),
    "metadata_list": (
        file({"__metadata__": []} | GOOD),
        '"__metadata__" holds a list, not strings',
    ),
    "metadata_twice": (
        file(b'{"__metadata__":{},"__metadata__":{}}', data=0),
        '"__metadata__" occurs twice',
    ),
    # an entry
    "entry_number": (file({"a": 1}, data=0), 'the tensor "a" is a number, not an object'),
    "entry_null": (file({"a": None}, data=0), 'the tensor "a" is null, not an object'),
    "entry_empty": (file({"a": {}}, data=0), 'the tensor "a" has no "dtype"'),
    "no_shape": (
        file({"a": {"dtype": "F32", "data_offsets": [0, 16]}}),
        'the tensor "a" has no "shape"',
    ),
    "no_offsets": (
        file({"a": {"dtype": "F32", "shape": [2, 2]}}),
        'the tensor "a" has no "data_offsets"',
    ),
    "unknown_field": (
        file({"a": entry(0, 16, strides=[2, 1])}),
        'the tensor "a" has the unknown field "strides"',
    ),
    "field_twice": (file(A[:-1] + b',"dtype":"F32"}}'), 'the tensor "a" has "dtype" twice'),
    "unknown_dtype": (
        file({"a": entry(0, 16, dtype="F12")}),
        'the tensor "a" has the unknown dtype "F12"',
    ),
    "dtype_number": (file({"a": entry(0, 16, dtype=32)}), 'the tensor "a" has a number in "dtype"'),
    "shape_string": (
        file({"a": {"dtype": "F32", "shape": "2,2", "data_offsets": [0, 16]}}),
        'the tensor "a" has a string in "shape"',
    ),
    "shape_negative": (
        file({"a": entry(0, 16, shape=(-2, -2))}),
        'the tensor "a" has a negative number in "shape"',
    ),
    "shape_fraction": (
        file({"a": entry(0, 16, shape=(2.5, 2))}),
        'the tensor "a" has a number that is not a size in "shape"',
    ),
    "shape_beyond_64_bits": (
        file({"a": entry(0, 16, shape=(2**64, 1))}),
        'the tensor "a" has a number that is not a size in "shape"',
    ),
    "shape_nested": (
        file({"a": entry(0, 16, shape=([2], 2))}),
        'the tensor "a" has a list in "shape"',
    ),
    "too_many_dimensions": (
        file({"a": entry(0, 4, shape=(1,) * 33)}, data=4),
        'the tensor "a" has more than 32 dimensions',
    ),
    "one_offset": (
        file({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [16]}}),
        'the tensor "a" has 1 "data_offsets"',
    ),
    "three_offsets": (
        file({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16, 16]}}),
        'the tensor "a" has 3 "data_offsets"',
    ),
    # what it says
    "name_twice": (
        file(A + b',"a":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]}}', data=32),
        'the tensor "a" occurs twice',
    ),
    "begins_after_its_end": (
        file({"a": entry(16, 0)}),
        'the tensor "a" ends at 0, before it begins, at 16',
    ),
    "data_cut": (
        file(GOOD, data=15),
        'truncated: the tensor "a" ends at byte 16 of the data, which has 15',
    ),
    "offset_absurd": (
        file({"a": entry(0, 2**63)}),
        'truncated: the tensor "a" ends at byte 9223372036854775808 of the data, which has 16',
    ),
    "shape_too_large": (
        file({"a": entry(0, 16, shape=(2, 3))}),
        'the tensor "a" has the shape [2, 3] of F32, which is 24 bytes, not 16',
    ),
    "shape_too_small": (
        file({"a": entry(0, 16, shape=(2, 2), dtype="BF16")}),
        'the tensor "a" has the shape [2, 2] of BF16, which is 8 bytes, not 16',
    ),
    "shape_overflow": (
        file({"a": entry(0, 16, shape=(2**32, 2**32))}),
        'the tensor "a" has the shape [4294967296, 4294967296] of F32, which is no number of bytes',
    ),
    "shape_overflow_to_fit": (
        file({"a": entry(0, 16, shape=(2**62 + 1, 4))}),
        'the tensor "a" has the shape [4611686018427387905, 4] of F32, which is no number of bytes',
    ),
    "half_a_byte": (
        file({"a": entry(0, 2, shape=(3,), dtype="F4")}, data=2),
        'the tensor "a" has the shape [3] of F4, which is no number of bytes',
    ),
    "overlap": (
        file({"a": entry(0, 16), "b": entry(8, 24)}, data=24),
        'the tensors "a" and "b" overlap',
    ),
    "same_bytes": (
        file({"a": entry(0, 16), "b": entry(0, 16)}),
        'the tensors "a" and "b" overlap',
    ),
    "hole_before": (
        file({"a": entry(4, 20)}, data=20),
        'the 4 bytes before the tensor "a" belong to no tensor',
    ),
    "hole_between": (
        file({"a": entry(0, 16), "b": entry(20, 36)}, data=36),
        'the 4 bytes before the tensor "b" belong to no tensor',
    ),
    "hole_after": (file(GOOD, data=20), "the last 4 bytes belong to no tensor"),
    "name_of_two_lines": (
        file({"a\nb": entry(0, 16, dtype="F12")}),
        'the tensor "a\\x0ab" has the unknown dtype "F12"',
    ),
}


def main():
    ROOT.mkdir(parents=True, exist_ok=True)
    for old in ROOT.glob("*.safetensors"):
        old.unlink()
    errors = {}
    for name, (content, error) in CASES.items():
        try:
            safetensors.deserialize(content)
            refused = False
        except Exception:
            refused = True
        assert refused == (name not in STRICTER), f"{name}: safetensors accepts it"
        (ROOT / f"{name}.safetensors").write_bytes(content)
        errors[f"{name}.safetensors"] = error
    (ROOT / "errors.json").write_text(json.dumps(errors, indent=2) + "\n")
    print(f"{len(errors)} files")


if __name__ == "__main__":
    main()
