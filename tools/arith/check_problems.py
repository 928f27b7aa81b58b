"""Checks the generator and the committed held-out file: every step right, every answer in its format, no shared instance.

    python check_problems.py --heldout ../../models/ebb-arith/heldout.jsonl --seed 7
"""
import argparse
import json
import re

from evaluate import read_answer
from problems import is_heldout, make_problems

IMPLICIT = {2, 5}  # numbers that a story may leave to the reader: two sides, a half, weekdays and weekend days
WORDS = {"twice": 2, "three": 3, "four": 4, "five": 5, "six": 6, "half": 2}


def check(problem):
    """Recomputes the solution from its text alone; every operand must come from the story or from an earlier step."""
    steps, _ = problem["solution"].split("\n")
    sentences = steps.split(". ")  # the last one keeps its full stop
    assert len(sentences) == problem["steps"]
    known = {int(n) for n in re.findall(r"\d+", problem["prompt"])} | IMPLICIT
    known |= {value for word, value in WORDS.items() if word in problem["prompt"].lower()}
    for sentence in sentences:
        a, operator, b, value = re.fullmatch(r"(\d+) ([-+*/]) (\d+) = (\d+)\.?", sentence).groups()
        a, b, value = int(a), int(b), int(value)
        assert a in known and b in known, problem
        assert value * b == a if operator == "/" else value == {"+": a + b, "-": a - b, "*": a * b}[operator], problem
        known.add(value)
    assert value == problem["answer"] and read_answer(problem["solution"], problem["format"])[0] == problem["answer"], problem


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--heldout", required=True)
    parser.add_argument("--seed", type=int, required=True, help="the held-out file's seed")
    parser.add_argument("--count", type=int, default=20000, help="training problems to check")
    args = parser.parse_args()
    with open(args.heldout, encoding="utf-8") as file:
        heldout = [json.loads(line) for line in file]
    again = make_problems(args.seed, len(heldout), heldout=True, balanced=True)
    assert [{k: v for k, v in p.items() if k != "id"} for p in heldout] == again, "the file is not what its command writes"
    train = make_problems("check", args.count, heldout=False)
    for problem in heldout + train:
        check(problem)
    assert all(is_heldout(p["instance"]) for p in heldout) and not any(is_heldout(p["instance"]) for p in train)
    assert not {p["prompt"] for p in heldout} & {p["prompt"] for p in train}
    assert len({p["instance"] for p in heldout}) == len(heldout)
    print(f"{len(heldout)} held-out and {len(train)} training problems are right and disjoint")


if __name__ == "__main__":
    main()
