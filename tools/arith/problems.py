"""Seeded generator of grade-school arithmetic word problems of one to four steps.

A problem is a user prompt, a solution (one arithmetic sentence a step, then the answer in the asked format), and what
grading needs. Problems come from templates.py and from chains: stories of one stock of things to which one to four
events happen, so that the order of operations cannot be guessed from the opening sentence.

Held-out and training problems never share a template instance. An instance is the template's id (for a chain: its
sequence of events) with all its numeric slots, in order; a hash of it decides the side. Names, things, wordings,
distractors and the answer format are left out of the hash on purpose: a held-out problem is then new in its numbers,
and not a training problem with another name in it.

    python problems.py --seed 7 --count 500 --split heldout --out heldout.jsonl
"""
import argparse
import hashlib
import json
import random

from templates import (BOXES, BOYS, DISTRACTORS, DRINKS, FORMATS, GIRLS, PLACES, TEMPLATES, THINGS, TIMES, F, L, P, S)

LIMIT = 399  # no number in a solution is larger
FORMAT_NAMES = list(FORMATS)
HELDOUT_SHARE = 20  # one instance in this many is held out

# Events of a chain: kind -> (slots, steps on the running value v, wordings). {c} and {d} are the event's own numbers.
EVENTS = {
    "gain": ([P], ["v + c"], ["{he_c} gets {c} more.", "{m} brings {c} more.", "Then {n} finds {c} more {it}.", "{n} buys {c} more."]),
    "lose": ([P], ["v - c"], ["{he_c} gives {c} to {m}.", "{n} loses {c} of them.", "Then {c} {it} are sold.", "{m} takes {c} away."]),
    "packs": ([F, (3, 20)], ["c * d", "v + s"], ["Then {n} buys {c} {box} of {d} {it} each.", "{m} brings {c} {box} with {d} {it} in each."]),
    "gifts": ([F, (2, 20)], ["c * d", "v - s"], ["{n} gives {d} {it} to each of {c} friends.", "{c} children take {d} {it} each."]),
    "grow": ([(2, 4)], ["v * c"], ["Then {n} gets enough to have {c_times} as many.", "Soon {he} has {c_times} as many."]),
    "half": ([], ["v / 2"], ["{he_c} gives away half of them.", "Half of the {it} are sold."]),
}
# How a chain ends: the question may need one more step.
ENDINGS = {
    "count": ([], [], ["How many {it} are there now?", "How many {it} does {n} have at the end?", "How many {it} is that now?"]),
    "share": ([F], ["v / c"], ["{n} puts them into {c} equal {box}. How many {it} are in each?", "{c} friends share them equally. How many {it} does each get?"]),
    "sell": ([(2, 9)], ["v * c"], ["Each is worth {c} dollars. How many dollars are they worth?", "All are sold at {c} dollars each. How many dollars is that?"]),
}
OPENINGS = ["{n} has {a} {it}.", "{n} owns {a} {it}.", "There are {a} {it} on the table of {n}.", "{n} starts with {a} {it}.", "In the morning {n} has {a} {it}."]


class Rejected(Exception):
    """The drawn numbers do not make a problem inside our ranges; draw again."""


def calculate(left, operator, right):
    """The value of one step, inside the ranges that keep the task learnable by a small model."""
    if operator == "+":
        value = left + right
    elif operator == "-":
        value = left - right
    elif operator == "*":
        value = left * right
        if min(left, right) > 9 or value > 300:
            raise Rejected
    else:
        if right < 2 or left % right:
            raise Rejected
        value = left // right
    if not 2 <= value <= LIMIT:
        raise Rejected
    return value


def run_steps(steps, numbers):
    """Evaluates steps such as "a * s1" in order; returns the sentences and the last value."""
    known, sentences, value = dict(numbers), [], None
    for index, step in enumerate(steps, 1):
        left, operator, right = step.split()
        x, y = (known[word] if word in known else int(word) for word in (left, right))
        value = calculate(x, operator, y)
        known[f"s{index}"] = value
        sentences.append(f"{x} {operator} {y} = {value}.")
    return sentences, value


def draw_words(rng):
    """The slots that do not carry arithmetic: people and things, all different within a problem."""
    boys, girls = rng.sample(BOYS, 2), rng.sample(GIRLS, 2)
    male = rng.random() < 0.5
    n, m, o = (boys[0], girls[0], boys[1]) if male else (girls[0], boys[0], girls[1])
    it, it2 = rng.sample(THINGS, 2)
    return {"n": n, "m": m, "o": o, "he": "he" if male else "she", "he_c": "He" if male else "She", "it": it, "it2": it2,
            "box": rng.choice(BOXES), "drink": rng.choice(DRINKS), "place": rng.choice(PLACES)}


def from_template(rng, template, words):
    numbers = {slot: rng.randint(*limits) for slot, limits in template.slots.items()}
    solution, answer = run_steps(template.steps, numbers)
    slots = words | numbers
    if "k" in numbers:
        slots["k_times"] = TIMES.get(numbers["k"], "")
    text = [rng.choice(wordings).format(**slots) for wordings in template.sentences]
    question = rng.choice(template.questions).format(**slots)
    return template.id + ":" + ",".join(map(str, numbers.values())), text, question, solution, answer


def from_chain(rng, steps, words):
    """A story about one running value; `steps` arithmetic steps in all, the ending's included."""
    ending = rng.choice(list(ENDINGS)) if steps > 1 else "count"
    left = steps - len(ENDINGS[ending][1])
    kinds = []
    while left:
        kind = rng.choice([k for k, event in EVENTS.items() if len(event[1]) <= left and (k == "gain" or k not in kinds)])
        kinds.append(kind)
        left -= len(EVENTS[kind][1])
    value = rng.randint(*rng.choice([S, L]))
    numbers, solution = [value], []
    text = [rng.choice(OPENINGS).format(a=value, **words)]
    for ranges, event_steps, wordings in [EVENTS[kind] for kind in kinds] + [ENDINGS[ending]]:
        drawn = [rng.randint(*limits) for limits in ranges]
        own = dict(zip("cd", drawn))
        for step in event_steps:
            known = own | {"v": value, "s": own.get("s")}
            l, operator, r = step.split()
            x, y = (known[w] if w in known else int(w) for w in (l, r))
            result = calculate(x, operator, y)
            solution.append(f"{x} {operator} {y} = {result}.")
            own["s"] = result
        if event_steps:
            value = result
        numbers += drawn
        slots = words | own | {"c_times": TIMES.get(own.get("c"), "")}
        text.append(rng.choice(wordings).format(**slots))
    return "chain-" + "-".join(kinds + [ending]) + ":" + ",".join(map(str, numbers)), text[:-1], text[-1], solution, value


def is_heldout(instance):
    """The split: a fixed hash of the template instance, so that it holds for every seed and on every machine."""
    return int.from_bytes(hashlib.blake2b(instance.encode(), digest_size=8).digest(), "little") % HELDOUT_SHARE == 0


def final_line(format_name, answer):
    return {"boxed": f"\\boxed{{{answer}}}", "hash": f"#### {answer}", "json": f'{{"answer": {answer}}}'}[format_name]


BY_STEPS = {steps: [t for t in TEMPLATES if len(t.steps) == steps] for steps in (1, 2, 3, 4)}


def draw_story(rng, steps):
    """Draws until the numbers fit. A chain is as likely as a third of the templates of that many steps."""
    while True:
        chain = rng.random() < 0.25
        template = rng.choice(BY_STEPS[steps])
        words = draw_words(rng)
        for _ in range(200):  # the same situation with other numbers, so that tight templates are not rare
            try:
                return from_chain(rng, steps, words) if chain else from_template(rng, template, words)
            except Rejected:
                continue


def make_problem(rng, heldout, steps=None, format_name=None):
    """One problem of the asked side of the split, as a dict with the fields of heldout.jsonl (but no id)."""
    steps = steps or rng.randint(1, 4)
    format_name = format_name or rng.choice(FORMAT_NAMES)
    while True:
        instance, text, question, solution, answer = draw_story(rng, steps)
        if is_heldout(instance) == heldout:
            break
    if rng.random() < 0.3:
        slots = {"o": rng.choice(BOYS + GIRLS), "place": rng.choice(PLACES), "x": rng.randint(2, 99), "y": rng.randint(6, 11)}
        text.insert(rng.randint(0, len(text)), rng.choice(DISTRACTORS).format(**slots))
    story = " ".join(text + [question])
    instruction = rng.choice(FORMATS[format_name]).format()
    prompt = f"{instruction} {story}" if rng.random() < 0.3 else f"{story} {instruction}"
    return {"prompt": prompt, "format": format_name, "answer": answer, "steps": steps, "instance": instance,
            "solution": " ".join(solution) + "\n" + final_line(format_name, answer)}


def make_problems(seed, count, heldout, balanced=False):
    """`count` problems of one seed. Balanced: formats and step counts in turn, and no instance twice."""
    rng = random.Random(f"ebb-arith/{'heldout' if heldout else 'train'}/{seed}")
    problems, seen = [], set()
    while len(problems) < count:
        i = len(problems)
        wanted = {"steps": 1 + i // 3 % 4, "format_name": FORMAT_NAMES[i % 3]} if balanced else {}
        problem = make_problem(rng, heldout, **wanted)
        if balanced and problem["instance"] in seen:
            continue
        seen.add(problem["instance"])
        problems.append(problem)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--split", choices=["train", "heldout"], default="heldout")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    heldout = args.split == "heldout"
    with open(args.out, "w", encoding="utf-8", newline="\n") as out:
        for i, problem in enumerate(make_problems(args.seed, args.count, heldout, balanced=heldout)):
            out.write(json.dumps({"id": f"arith-{i:04d}"} | problem, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
