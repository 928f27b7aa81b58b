"""The wording of the arithmetic word problems, as data.

A template is one situation: its numeric slots with their ranges, one list of alternative wordings for each sentence,
alternative questions, and the arithmetic that answers it. `a + b` in a step means the values of the slots a and b;
`s1` is the result of step 1; a literal number stands for itself (two sides, five weekdays). problems.py fills the slots.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    id: str
    slots: dict  # numeric slot -> (lowest, highest)
    sentences: list  # for each sentence, its alternative wordings
    questions: list
    steps: list


BOYS = "Tom Ben Omar Luis Ivan Jack Noah Raj Paul Kofi Max Sam Leo Hugo Amir Dan".split()
GIRLS = "Anna Mia Lena Zoe Nina Ruth Sara Emma Ines Kate Lucy Maya Rosa Aisha Jane Mei".split()

THINGS = """apples marbles stickers books coins cards shells pencils stamps buttons eggs oranges balloons flowers beads
cookies pears toys photos tickets lemons candles cups pens""".split()
BOXES = "boxes bags packs baskets crates jars".split()
DRINKS = "water milk juice oil tea paint".split()
PLACES = "school market park library farm shop beach station".split()

# Sentences that a reader must ignore. {x} is an irrelevant number.
DISTRACTORS = [
    "The {place} is {x} minutes away.",
    "{o} is {x} years old.",
    "It is {x} degrees outside.",
    "There are {x} birds on the roof.",
    "{o} lives at number {x}.",
    "The bus has {x} seats.",
    "A clock on the wall is {x} minutes slow.",
    "{o} went to the {place} on Monday.",
    "It rained all morning.",
    "{o} likes the colour blue.",
    "The {place} opens at {y}.",
    "{o} watched {x} cars go by.",
    "A radio plays {x} songs.",
    "The dog sleeps for {y} hours.",
]

# How the answer must be given. N stands for the number; the wordings do not name a number themselves.
FORMATS = {
    "boxed": [
        "Put the final answer in \\boxed{{}}.",
        "Give your answer as \\boxed{{N}}.",
        "Write the result inside \\boxed{{N}}.",
        "Finish with \\boxed{{N}}.",
        "Box the final number, as in \\boxed{{N}}.",
        "The answer must be in a LaTeX box.",
        "Show your steps and box the answer.",
        "Use a box for the answer, not JSON.",
    ],
    "hash": [
        "End with #### N.",
        "Give the answer after ####.",
        "Write the final answer as #### N.",
        "The last line must be #### and the number.",
        "Finish with four hash signs and the number.",
        "Show your steps, then #### N.",
        "Mark the answer with ####.",
        "Use #### for the answer, do not box it.",
    ],
    "json": [
        "Give the answer as {{\"answer\": N}}.",
        "Finish with JSON: {{\"answer\": N}}.",
        "The last line must be {{\"answer\": N}}.",
        "End with a JSON object with the key answer.",
        "Write the final answer as JSON.",
        "Show your steps and return JSON with the answer.",
        "Return {{\"answer\": N}} at the end.",
        "Use JSON for the answer, not ####.",
    ],
}

TIMES = {2: "twice", 3: "three times", 4: "four times", 5: "five times", 6: "six times"}

S = (11, 99)  # a stock of things
L = (40, 240)  # a large stock
F = (2, 9)  # a small factor
P = (3, 48)  # a part added or taken away

TEMPLATES = [
    # One step.
    Template("join", {"a": S, "b": L}, [["{n} has {a} {it} and {m} has {b} {it}.", "{n} owns {a} {it}. {m} owns {b}.",
                                        "{n} put {a} {it} on a table and {m} put {b} more there."]],
             ["How many {it} are there in all?", "How many {it} do they have together?", "What is the total number of {it}?"], ["a + b"]),
    Template("left", {"a": L, "b": S}, [["{n} has {a} {it}.", "A shop has {a} {it}."], ["{b} of them are sold.", "{m} takes {b} of them away.", "{b} are lost."]],
             ["How many {it} are left?", "How many {it} remain?"], ["a - b"]),
    Template("rows", {"a": F, "b": (3, 32)}, [["There are {a} rows with {b} {it} each.", "{n} fills {a} {box} with {b} {it} each.",
                                             "Each of {a} {box} holds {b} {it}."]],
             ["How many {it} is that?", "How many {it} are there in total?"], ["a * b"]),
    Template("share", {"a": (12, 240), "b": F}, [["{n} shares {a} {it} equally among {b} friends.", "{a} {it} are split equally between {b} children.",
                                               "{n} puts {a} {it} into {b} equal groups."]],
             ["How many {it} does each get?", "How many {it} are in each part?"], ["a / b"]),
    Template("more", {"a": S, "b": P}, [["{n} has {a} {it}.", "{n} found {a} {it}."], ["{m} has {b} more than {n}.", "{m} has {b} more."]],
             ["How many {it} does {m} have?"], ["a + b"]),
    Template("fewer", {"a": L, "b": P}, [["{n} has {a} {it}.", "{n} counted {a} {it}."], ["{m} has {b} fewer than {n}.", "{m} has {b} fewer."]],
             ["How many {it} does {m} have?"], ["a - b"]),
    Template("times", {"a": (4, 48), "k": (2, 6)}, [["{n} has {a} {it}."], ["{m} has {k_times} as many."]],
             ["How many {it} does {m} have?", "What number of {it} does {m} have?"], ["k * a"]),
    Template("gap", {"a": L, "b": S}, [["{n} has {a} {it} and {m} has {b}.", "{n} sold {a} {it}. {m} sold {b}."]],
             ["How many more {it} is that for {n}?", "What is the difference?"], ["a - b"]),
    Template("cost", {"a": F, "p": (3, 30)}, [["One of the {it} costs {p} dollars.", "The {it} cost {p} dollars each."], ["{n} buys {a}.", "{n} takes {a} of them."]],
             ["How many dollars does {n} pay?", "What is the price in dollars?"], ["a * p"]),
    # Two steps.
    Template("pages", {"T": L, "a": (4, 30), "d": F}, [["A book has {T} pages.", "{n} has a book of {T} pages."], ["{n} reads {a} pages a day for {d} days.", "For {d} days {n} reads {a} pages each day."]],
             ["How many pages are left?", "How many pages remain?"], ["a * d", "T - s1"]),
    Template("more_both", {"a": S, "b": P}, [["{n} has {a} {it}."], ["{m} has {b} more than {n}.", "{m} has {b} more {it}."]],
             ["How many {it} do they have together?", "How many is that in all?"], ["a + b", "a + s1"]),
    Template("fewer_both", {"a": S, "b": P}, [["{n} has {a} {it}.", "{n} picked {a} {it}."], ["{m} has {b} fewer.", "{m} has {b} fewer than {n}."]],
             ["How many {it} do they have together?", "How many is that in all?"], ["a - b", "a + s1"]),
    Template("times_both", {"a": (4, 40), "k": (2, 6)}, [["{n} has {a} {it}.", "{n} bought {a} {it}."], ["{m} has {k_times} as many.", "{m} has {k_times} as many as {n}."]],
             ["How many {it} do they have together?", "What is the total?"], ["k * a", "a + s1"]),
    Template("seats", {"a": F, "b": (5, 30), "c": P}, [["A hall has {a} rows of {b} seats.", "There are {a} rows with {b} seats each."], ["{c} seats are taken.", "{c} people sit down."]],
             ["How many seats are free?", "How many seats are still empty?"], ["a * b", "s1 - c"]),
    Template("perimeter", {"a": (4, 60), "b": (4, 60)}, [["A field is {a} metres long and {b} metres wide.", "{n} has a garden of {a} by {b} metres."]],
             ["How many metres of fence go around it?", "What is its perimeter in metres?"], ["a + b", "s1 * 2"]),
    Template("change", {"a": F, "p": (3, 24), "T": L}, [["{n} buys {a} {it} at {p} dollars each.", "{a} {it} cost {p} dollars each and {n} buys them all."], ["{n} pays with {T} dollars.", "{n} hands over {T} dollars."]],
             ["How many dollars does {n} get back?", "How much change is that in dollars?"], ["a * p", "T - s1"]),
    Template("pool_share", {"a": S, "b": S, "k": F}, [["{n} has {a} {it} and {m} has {b}.", "{n} and {m} picked {a} and {b} {it}."], ["They pack them into {k} equal {box}.", "They split them all into {k} equal {box}."]],
             ["How many {it} go in each?", "How many {it} are in one of them?"], ["a + b", "s1 / k"]),
    Template("rest_share", {"a": L, "b": P, "k": F}, [["{n} has {a} {it} and keeps {b}.", "Of {a} {it}, {n} keeps {b}."], ["The rest go to {k} friends in equal shares.", "{k} children share the rest equally."]],
             ["How many {it} does each get?"], ["a - b", "s1 / k"]),
    Template("goal", {"T": L, "a": (4, 30), "d": F}, [["{n} wants a bike for {T} dollars.", "{n} needs {T} dollars."], ["{n} saves {a} dollars a week for {d} weeks.", "After {d} weeks of saving {a} dollars a week, {n} counts the money."]],
             ["How many dollars are still missing?", "How much more does {n} need?"], ["a * d", "T - s1"]),
    Template("tip", {"a": (5, 30), "d": F, "b": P}, [["{n} earns {a} dollars an hour and works {d} hours.", "For {d} hours of work {n} gets {a} dollars an hour."], ["{he_c} also gets a tip of {b} dollars.", "On top {he} gets {b} dollars."]],
             ["How many dollars does {n} have?", "How many dollars is that in all?"], ["a * d", "s1 + b"]),
    Template("legs", {"v": (5, 40), "t": F, "b": S}, [["{n} rides {v} km an hour for {t} hours.", "For {t} hours {n} travels at {v} km an hour."], ["Then {he} walks {b} km more.", "After that {he} goes another {b} km."]],
             ["How many km is the whole trip?", "How far does {n} go in km?"], ["v * t", "s1 + b"]),
    Template("mean", {"a": S, "b": S}, [["{n} scored {a} points and then {b} points.", "{n} caught {a} fish in May and {b} fish in June."]],
             ["What is the mean of the two numbers?", "What is the average?"], ["a + b", "s1 / 2"]),
    # Three steps.
    Template("two_buys", {"a": F, "p": (2, 20), "b": F, "q": (2, 20)}, [["{n} buys {a} {it} at {p} dollars each.", "{a} {it} at {p} dollars each go into the bag of {n}."], ["{he_c} also buys {b} {it2} at {q} dollars each.", "Then {he} takes {b} {it2} for {q} dollars each."]],
             ["How many dollars does {n} spend?", "What does it cost in all, in dollars?"], ["a * p", "b * q", "s1 + s2"]),
    Template("three_people", {"a": (6, 48), "b": P, "k": (2, 5)}, [["{n} has {a} {it}."], ["{m} has {b} more than {n}.", "{m} has {b} more."], ["{o} has {k_times} as many as {n}."]],
             ["How many {it} do {m} and {o} have together?"], ["a + b", "k * a", "s1 + s2"]),
    Template("more_then_times", {"a": (4, 40), "b": (3, 24), "k": (2, 4)}, [["{n} has {a} {it}."], ["{m} has {b} more than {n}."], ["{o} has {k_times} as many as {m}."]],
             ["How many {it} do {m} and {o} have together?"], ["a + b", "k * s1", "s1 + s2"]),
    Template("bake", {"a": F, "b": (6, 30), "c": P, "k": F}, [["{n} bakes {a} trays of {b} cookies.", "Each of {a} trays holds {b} cookies."], ["{c} cookies are burnt.", "The children eat {c} cookies."], ["The rest go into {k} equal {box}.", "{n} packs the rest into {k} equal {box}."]],
             ["How many cookies go in each?", "How many cookies are in one of them?"], ["a * b", "s1 - c", "s2 / k"]),
    Template("week", {"a": (4, 40), "b": (4, 60)}, [["{n} trains {a} minutes on each of the five weekdays.", "On each of the five weekdays {n} practises {a} minutes."], ["On each of the two weekend days it is {b} minutes.", "On both Saturday and Sunday {he} does {b} minutes."]],
             ["How many minutes is that in a week?", "How many minutes a week is that?"], ["a * 5", "b * 2", "s1 + s2"]),
    Template("wage", {"a": (4, 20), "h": F, "d": (2, 5), "c": P}, [["{n} earns {a} dollars an hour.", "The pay of {n} is {a} dollars an hour."], ["{he_c} works {h} hours a day for {d} days.", "For {d} days {he} works {h} hours a day."], ["Then {he} spends {c} dollars.", "{he_c} gives {c} dollars to {m}."]],
             ["How many dollars are left?", "How many dollars does {n} still have?"], ["a * h", "s1 * d", "s2 - c"]),
    Template("tank", {"a": L, "r": (3, 20), "h": F, "b": S}, [["A tank holds {a} litres of {drink}.", "There are {a} litres of {drink} in a tank."], ["It loses {r} litres an hour for {h} hours.", "For {h} hours, {r} litres an hour run out."], ["Then {n} adds {b} litres.", "After that {b} litres are filled in."]],
             ["How many litres are in the tank now?", "How many litres does it hold at the end?"], ["r * h", "a - s1", "s2 + b"]),
    Template("trip", {"a": F, "b": (8, 40), "c": P, "d": P}, [["A school hires {a} buses with {b} seats each.", "There are {a} buses with {b} seats each."], ["{c} seats are broken.", "{c} seats are kept for bags."], ["{d} seats go to teachers.", "Teachers take {d} seats."]],
             ["How many seats are left for pupils?"], ["a * b", "s1 - c", "s2 - d"]),
    Template("fence", {"a": (4, 40), "b": (4, 40), "p": (2, 5)}, [["A yard is {a} metres long and {b} metres wide.", "{n} has a yard of {a} by {b} metres."], ["Each metre of fence costs {p} dollars.", "Fence is sold at {p} dollars a metre."]],
             ["What does a fence around it cost in dollars?", "How many dollars is a fence all around?"], ["a + b", "s1 * 2", "s2 * p"]),
    Template("sale", {"a": (8, 60), "b": S, "c": P, "p": (2, 6)}, [["A stall has {a} {it} and gets {b} more.", "{n} brings {a} {it} to the market, {m} brings {b}."], ["{c} of them are not sold.", "At night {c} are left over."], ["Each one sold brings {p} dollars.", "They are sold for {p} dollars each."]],
             ["How many dollars come in?", "How many dollars is that?"], ["a + b", "s1 - c", "s2 * p"]),
    # Four steps.
    Template("two_buys_change", {"a": F, "p": (2, 18), "b": F, "q": (2, 18), "T": L}, [["{n} buys {a} {it} at {p} dollars each and {b} {it2} at {q} dollars each.", "{n} takes {a} {it} for {p} dollars each, then {b} {it2} for {q} dollars each."], ["{he_c} pays with {T} dollars.", "{n} has {T} dollars."]],
             ["How many dollars are left?", "How much change is that in dollars?"], ["a * p", "b * q", "s1 + s2", "T - s3"]),
    Template("two_buys_split", {"a": F, "p": (2, 20), "b": F, "q": (2, 20), "k": (2, 6)}, [["{k} friends buy {a} {it} at {p} dollars each.", "A group of {k} takes {a} {it} for {p} dollars each."], ["They also buy {b} {it2} at {q} dollars each.", "Then they add {b} {it2} for {q} dollars each."], ["They share the cost equally.", "All pay the same."]],
             ["How many dollars does each pay?"], ["a * p", "b * q", "s1 + s2", "s3 / k"]),
    Template("four_sum", {"a": S, "b": P, "c": P}, [["{n} has {a} {it}.", "{n} collected {a} {it}."], ["{m} has {b} more than {n}."], ["{o} has {c} fewer than {m}."]],
             ["How many {it} do the three have together?", "How many {it} is that in all?"], ["a + b", "s1 - c", "a + s1", "s3 + s2"]),
    Template("bake_sell", {"a": F, "b": (6, 30), "c": P, "k": F, "p": (2, 9)}, [["{n} makes {a} trays of {b} cookies.", "{a} trays with {b} cookies each come out of the oven."], ["{c} cookies are eaten.", "{m} drops {c} of them."], ["The rest are packed {k} to a bag.", "{n} packs the rest in bags of {k}."], ["A bag sells for {p} dollars.", "Each bag costs {p} dollars."]],
             ["How many dollars do all the bags bring?"], ["a * b", "s1 - c", "s2 / k", "s3 * p"]),
    Template("two_jobs", {"a": (4, 20), "h": F, "b": (4, 20), "g": F, "c": P}, [["{n} works {h} hours at {a} dollars an hour.", "For {h} hours {n} gets {a} dollars an hour."], ["Then {he} works {g} hours at {b} dollars an hour.", "Another job pays {b} dollars an hour for {g} hours."], ["{he_c} spends {c} dollars.", "Lunch costs {c} dollars."]],
             ["How many dollars are left?", "How many dollars does {n} keep?"], ["a * h", "b * g", "s1 + s2", "s3 - c"]),
    Template("groups", {"a": S, "b": S, "k": F, "c": (2, 8), "p": (2, 9)}, [["{a} girls and {b} boys go to a camp.", "A camp has {a} girls and {b} boys."], ["They form {k} equal groups.", "They are put into {k} equal groups."], ["In each group {c} children are ill.", "{c} children of each group stay at home."], ["Each of the others needs {p} cups.", "Each child that is left needs {p} cups."]],
             ["How many cups does one group need?"], ["a + b", "s1 / k", "s2 - c", "s3 * p"]),
    Template("journey", {"v": (4, 30), "t": F, "w": (4, 30), "u": F, "T": (150, 390)}, [["{n} drives {t} hours at {v} km an hour.", "For {t} hours {n} goes {v} km an hour."], ["Then {he} drives {u} hours at {w} km an hour.", "The next {u} hours it is {w} km an hour."], ["The whole way is {T} km.", "The goal is {T} km from the start."]],
             ["How many km are left?", "How many km are still to go?"], ["v * t", "w * u", "s1 + s2", "T - s3"]),
    Template("harvest", {"a": F, "b": (5, 30), "c": P, "d": P, "k": F}, [["{n} picks {a} {box} of {b} {it}.", "{a} {box} with {b} {it} each are picked."], ["{c} of them are bad.", "{c} are thrown away."], ["{m} brings {d} more.", "Then {d} more are found."], ["All are split among {k} families.", "{k} families share them equally."]],
             ["How many {it} does each family get?"], ["a * b", "s1 - c", "s2 + d", "s3 / k"]),
    Template("times_chain", {"a": (3, 24), "k": (2, 5), "b": P, "c": P}, [["{n} has {a} {it}."], ["{m} has {k_times} as many as {n}."], ["{o} has {b} more than {m}."], ["Then {o} gives away {c} {it}.", "Later {o} loses {c}."]],
             ["How many {it} do {m} and {o} have now together?"], ["k * a", "s1 + b", "s2 - c", "s1 + s3"]),
]
