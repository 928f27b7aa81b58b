"""The tables of docs/findings.md, from what run.sh measured.

    python summarise.py --into docs/findings.md --into docs/plan.md --csv docs/findings ebb-arith=FOLDER ...

Each table replaces what stands between <!-- NAME --> and <!-- end --> there. --csv copies the tables that stand behind it. Intervals are 95 % percentile bootstraps over
items and draws (2,000 resamples, drawn independently of each other; both arms of a ratio share the items). Needs numpy (requirements.txt).
"""
import argparse
import json
import os
import shutil
import sqlite3
import sys

import numpy as np

RESAMPLES = 2000
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
QUANTIZERS = ("rtn4", "rtn3", "rtn2")


class Study:
    """Divergence and answers of every cell of FOLDER/study.sqlite, as arrays over items; `draws` and `plans` are the studies below it."""

    def __init__(self, name, folder):
        self.name = name
        path = os.path.join(folder, "study.sqlite")
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        facts = dict(db.execute("SELECT key, value FROM study"))
        self.first, self.layers = int(facts["first_moe_layer"]), int(facts["num_layers"])
        self.cells, self.label, self.members = {}, {}, {}
        for cell, key, codec, bound, rate, layers, experts in db.execute(
                "SELECT cell_id, key, codec, bound, rate, layers, experts FROM cell ORDER BY cell_id"):
            self.cells.setdefault((codec, rate, layers, experts), []).append(cell)
            self.label[cell] = key
        for experiment, cell, arm in db.execute(
                "SELECT name, cell_id, arm FROM experiment_cell JOIN experiment USING (experiment_id) ORDER BY experiment_id, arm, cell_id"):
            self.members.setdefault(experiment, {}).setdefault(arm, []).append(cell)
        self.bits = dict(db.execute("SELECT cell_id, bits_per_weight FROM error"))
        self.rmse = dict(db.execute("SELECT cell_id, rmse_over_mean_abs FROM error"))
        self.folder, self.db = folder, db
        self.kl = self.read(db, "SELECT cell_id, item, sum_kl FROM kl")
        self.tokens = next(iter(self.read(db, "SELECT cell_id, item, tokens FROM kl").values()))
        self.screened = len(self.tokens)  # the items that `ebb plan` learns from
        self.ica = self.read(db, "SELECT cell_id, item, ica FROM answer")
        self.pia = self.read(db, "SELECT cell_id, item, pia FROM answer")
        self.draws, self.plans = (Study(name, os.path.join(folder, below)) if os.path.exists(os.path.join(folder, below, "study.sqlite")) else None
                                  for below in ("draws", "plans"))
        plans = os.path.join(folder, "plans", "plans.json")
        self.files = json.load(open(plans)) if os.path.exists(plans) else []

    @staticmethod
    def read(db, query):
        rows = {}
        for cell, item, value in db.execute(query + " ORDER BY cell_id, item"):
            rows.setdefault(cell, []).append(value)
        return {cell: np.array(values, float) for cell, values in rows.items()}

    def arm(self, codec, rate, layers="all", experts="all"):
        """[draws, items] of an arm's divergence, summed over each item's tokens."""
        return np.stack([self.kl[c] for c in self.cells[codec, rate, layers, experts]])

    def has(self, codec, rate, layers="all", experts="all"):
        return (codec, rate, layers, experts) in self.cells

    def token_kl(self, codec, rate, layers="all", experts="all"):
        """Every scored token's divergence in an arm, of all draws."""
        cells = self.cells[codec, rate, layers, experts]
        blobs = self.db.execute(f"SELECT token_kl FROM kl WHERE cell_id IN ({','.join('?' * len(cells))}) ORDER BY cell_id, item", cells)
        return np.concatenate([np.frombuffer(blob, "<f4") for blob, in blobs]).astype(float)


def resample(rng, *arms):
    """Yields (weights of items, then of each arm's draws), summing to one each."""
    items = arms[0].shape[1]
    for _ in range(RESAMPLES):
        yield [rng.multinomial(n, np.full(n, 1 / n)) / n for n in [items] + [len(a) for a in arms]]


def ratio(top, bottom):
    """Mean of `top` over that of `bottom`, with its interval."""
    rng = np.random.default_rng(1)
    draws = [(wt @ top @ wi) / (wb @ bottom @ wi) for wi, wt, wb in resample(rng, top, bottom)]
    return top.mean() / bottom.mean(), *np.percentile(draws, (2.5, 97.5))


def mean_kl(study, arm):
    rng = np.random.default_rng(1)
    draws = [(wa @ arm @ wi) / (study.tokens @ wi) for wi, wa in resample(rng, arm)]
    return arm.mean(0).sum() / study.tokens.sum(), *np.percentile(draws, (2.5, 97.5))


def difference(study, values, cells):
    """Mean of a rate minus the baseline's (cell 0), with its interval, in percentage points."""
    arm = np.stack([values[c] for c in cells]) - values[0]
    rng = np.random.default_rng(1)
    draws = [wa @ arm @ wi for wi, wa in resample(rng, arm)]
    return 100 * arm.mean(), *(100 * np.percentile(draws, (2.5, 97.5)))


def show(values, form="{:.2g}"):
    middle, low, high = (form.format(v) for v in values)
    return f"{middle} [{low}, {high}]"


def share(value):
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows])


def noise(studies):
    """Divergence of noise and codecs at one bound, by ratios."""
    head = ["model", "rate", "KL of N(0, e)", "U(-e, e) / N(0, e)", "ebb:fast / U(-e, e)", "sz3 / U(-e, e)", "N(0, e/√3) / U(-e, e)"]
    rows = []
    for s in (study.draws for study in studies):
        for rate in RATES:
            normal, uniform = s.arm("noise:normal", rate), s.arm("noise:uniform", rate)
            same = s.cells.get(("noise:normal", round(rate / 3**0.5, 4), "all", "all"))
            rows.append([s.name, f"{rate:g}", show(mean_kl(s, normal)), show(ratio(uniform, normal))]
                        + [show(ratio(s.arm(c, rate), uniform)) if s.has(c, rate) else "" for c in ("ebb:fast+dither", "sz3:interp-lorenzo+dither")]
                        + [show(ratio(np.stack([s.kl[c] for c in same]), uniform)) if same else ""])
    return table(head, rows)


def growth(studies):
    """Exponents p of KL ~ rate^p over the rates of `draws`, fitted to logarithms: of the mean and of the median token."""
    codecs = ("noise:normal", "noise:uniform", "ebb:fast+dither")
    rows = []
    for s in (study.draws for study in studies):
        row = [s.name]
        for value in (lambda c, r: s.arm(c, r).mean(), lambda c, r: np.median(s.token_kl(c, r))):
            row += [f"{np.polyfit(np.log(RATES), np.log([value(c, r) for r in RATES]), 1)[0]:.2f}" for c in codecs]
        rows.append(row)
    return table(["model"] + [f"{what}, {name}" for what in ("mean", "median") for name in ("N(0, e)", "U(-e, e)", "ebb:fast")], rows)


def accuracy(studies):
    """ICA under noise and codecs at one bound, all experts of all layers."""
    head = ["model", "rate", "unperturbed", "N(0, e)", "U(-e, e)", "ebb:fast", "sz3"]
    rows = []
    for s in studies:
        for rate in (0.3, 0.5, 0.8):
            row = [s.name, f"{rate:g}", f"{100 * s.ica[0].mean():.1f}"]
            for codec in ("noise:normal", "noise:uniform", "ebb:fast", "sz3:interp-lorenzo"):
                row.append(f"{100 * np.mean([s.ica[c] for c in s.cells[codec, rate, 'all', 'all'] if c in s.ica]):.1f}" if s.has(codec, rate) else "")
            rows.append(row)
    return table(head, rows)


def layer_table(studies, columns, values):
    """A row a layer, with columns for every study; `values(study, layer)` gives them."""
    rows = []
    for layer in range(min(s.first for s in studies), max(s.layers for s in studies)):
        row = [str(layer)]
        for s in studies:
            row += values(s, str(layer)) if layer >= s.first else ["dense"] + [""] * (len(columns) - 1)
        rows.append(row)
    return table(["layer"] + [f"{s.name}: {column}" for s in studies for column in columns], rows)


def depth(studies):
    """Divergence by layer at rate 0.8, and what accuracy loses at 1.6, all experts of one layer."""
    def values(s, layer):
        kl = mean_kl(s.draws, s.draws.arm("noise:normal", 0.8, layer))
        return [show([1e6 * v for v in kl], "{:.0f}"), show(difference(s, s.ica, s.cells["noise:normal", 1.6, layer, "all"]), "{:+.1f}")]
    return layer_table(studies, ("KL x 1e6 at 0.8", "ICA at 1.6, points"), values)


def tokens(studies):
    """Divergence by layer at rate 0.8 as the median and the 99th percentile of tokens have it."""
    def values(s, layer):
        kl = s.draws.token_kl("noise:normal", 0.8, layer)
        return [f"{1e6 * np.median(kl):.2f}", f"{1e6 * np.percentile(kl, 99):.0f}"]
    return layer_table(studies, ("median", "p99"), values)


def by_layer(study):
    """Divergence of every layer by itself at rate 0.8: arms of [draws, items], and where each layer stands: 0 the first with experts, 1 the last."""
    arms = [study.draws.arm("noise:normal", 0.8, str(layer)) for layer in range(study.first, study.layers)]
    return arms, np.linspace(0, 1, len(arms))


def slope(arms, depth):
    return np.polyfit(depth, np.log([a.mean() for a in arms]), 1)[0]


def correlation(one, other):
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


def agreement(one, other, rng):
    """Rank correlation of two models' layers that both have experts, with its interval and how often shuffled layers reach it."""
    start = max(one.first, other.first)
    pairs = [by_layer(s)[0][start - s.first:] for s in (one, other)]
    values = [[a.mean() for a in arms] for arms in pairs]
    given = correlation(*values)
    drawn = []
    for weights in zip(*(resample(rng, *arms) for arms in pairs)):
        drawn.append(correlation(*([w @ a @ wi for w, a in zip(ws, arms)] for (wi, *ws), arms in zip(weights, pairs))))
    shuffled = [correlation(values[0], rng.permutation(values[1])) for _ in range(10000)]
    return given, np.percentile(drawn, (2.5, 97.5)), np.mean(np.abs(shuffled) >= abs(given))


def trend(studies):
    """Whether divergence falls with depth: the ratio of the last layer to the first on a log-linear fit."""
    rows = []
    for s in studies:
        arms, depth = by_layer(s)
        drawn = [slope([np.atleast_2d(w @ a * wi * len(wi)) for w, a in zip(ws, arms)], depth) for wi, *ws in resample(np.random.default_rng(1), *arms)]
        rng = np.random.default_rng(1)
        means = [a.mean() for a in arms]
        given = slope(arms, depth)
        shuffled = [np.polyfit(depth, rng.permutation(np.log(means)), 1)[0] for _ in range(10000)]
        chance = np.mean(np.abs(shuffled) >= abs(given))
        rows.append([s.name, show(np.exp([given, *np.percentile(drawn, (2.5, 97.5))])), share(chance), f"{max(means) / min(means):.0f}",
                     str(s.first + int(np.argmax(means))), str(s.first + int(np.argmin(means)))])
    return table(["model", "KL of the last layer / the first (fit)", "share of random orders of the layers that reach it", "most / least sensitive", "most", "least"], rows)


def pairs(studies):
    """Whether two models agree on which layers are sensitive."""
    rows = []
    for i, one in enumerate(studies):
        for other in studies[i + 1:]:
            given, (low, high), chance = agreement(one, other, np.random.default_rng(1))
            rows.append([one.name, other.name, f"{given:+.2f} [{low:+.2f}, {high:+.2f}]", share(chance)])
    return table(["model", "model", "rank correlation of layers", "share of random orders of the layers that reach it"], rows)


def deep(studies):
    """Accuracy under error in the deepest third of the layers, at the rates that the paper used: is it ever above the baseline's?"""
    rows = []
    for s in studies:
        start = s.first + (s.layers - s.first) * 2 / 3
        arms = [cells for (codec, rate, layers, _), cells in s.cells.items()
                if codec == "noise:normal" and rate <= 0.8 and layers not in (None, "all") and int(layers.split("-")[0]) >= start and cells[0] in s.ica]
        differences = [difference(s, s.ica, cells) for cells in arms]
        pooled = difference(s, s.ica, [c for cells in arms for c in cells])
        rows.append([s.name, f"{100 * s.ica[0].mean():.1f}", str(len(arms)), str(sum(d[1] > 0 for d in differences)),
                     str(sum(d[2] < 0 for d in differences)), f"{max(d[0] for d in differences):+.2f}", f"{min(d[0] for d in differences):+.2f}", show(pooled, "{:+.2f}")])
    return table(["model", "baseline, %", "arms", "interval above 0", "interval below 0", "best arm, points", "worst arm, points", "all together, points"], rows)


def equal_bytes(studies):
    """Quantizers against the error-bounded codec at the same bytes; the codec's roundings drawn anew for each seed."""
    rows = []
    for s in studies:
        for quantizer in QUANTIZERS + ("nf4",):
            members = s.members["bytes-" + ("rtn4" if quantizer == "nf4" else quantizer)].values()
            [bounded], [quantized] = (next(c for c in members if f"| {name}" in s.label[c[0]] and "+dither" not in s.label[c[0]]) for name in ("ebb:fast,", quantizer))
            rate = s.label[bounded].split("rel:")[1]
            drawn, own = s.draws.arm("ebb:fast+dither", float(rate)), s.draws.arm(quantizer, None)
            rows.append([s.name, f"{quantizer}, {s.bits[quantized]:.2f}", f"rel:{rate}, {s.bits[bounded]:.2f}", show(mean_kl(s.draws, own)), show(ratio(drawn, own)), f"{(s.rmse[bounded] / s.rmse[quantized])**2:.2f}"]
                        + [f"{100 * s.ica[c].mean():.1f}" for c in (quantized, bounded, 0)])
    return table(["model", "quantizer, bits", "ebb:fast, bits", "KL of the quantizer", "KL of ebb:fast / quantizer", "mean square error of ebb:fast / quantizer", "ICA of the quantizer", "ICA of ebb:fast", "unperturbed"], rows)


def plans(studies):
    """Plans against the uniform bound and the quantizer of the same size, from plans.py's study."""
    rows = []
    for s in studies:
        for size, quantizer in zip(("4.5", "3.5", "2.5"), QUANTIZERS):
            uniform, plan, quantized = (np.stack([s.plans.kl[c] for c in s.plans.members["plan-" + size][arm]]) for arm in range(3))
            rows.append([s.name, size, f"{quantizer} {show(mean_kl(s.plans, quantized))}", show(mean_kl(s.plans, uniform)), show(mean_kl(s.plans, plan)),
                         show(ratio(plan, uniform)), show(ratio(plan[:, s.screened:], uniform[:, s.screened:])), show(ratio(plan, quantized))])
    return table(["model", "bits a weight", "quantizer", "uniform bound", "plan", "plan / uniform", "the same on the items that the plan does not know", "plan / quantizer"], rows)


def files(studies):
    """What `ebb eval` measured of the compressed files (plans.json)."""
    rows = []
    for s in studies:
        for row in s.files:
            rows.append([s.name, f"{row['uniform_bits']:.3f}, {row['plan_bits']:.3f}", f"{row['uniform_kl']:.2g} ({row['uniform_bound']})", f"{row['plan_kl']:.2g}",
                         f"{row['plan_kl'] / row['uniform_kl']:.2f}", f"{row['predicted_ratio']:.2f}"])
    return table(["model", "bits a weight: uniform, plan", "uniform bound", "plan", "plan / uniform", "predicted"], rows)


# What makes each table, and the study below FOLDER that it needs.
TABLES = {"noise": (noise, "draws"), "growth": (growth, "draws"), "accuracy": (accuracy, None), "depth": (depth, "draws"), "tokens": (tokens, "draws"), "trend": (trend, "draws"),
          "pairs": (pairs, "draws"), "deep": (deep, None), "bytes": (equal_bytes, "draws"), "plans": (plans, "plans"), "files": (files, "plans")}


def replace_table(page, name, text):
    """`page` with the table of that name, if it has one, made anew."""
    mark = f"<!-- {name} -->\n"
    if mark not in page:
        return page
    start = page.index(mark) + len(mark)
    return page[:start] + text + "\n" + page[page.index("<!-- end -->", start):]


def copy_tables(studies, folder):
    """The reports' CSV files, those of the studies below with their names in front."""
    for s in studies:
        target = os.path.join(folder, s.name)
        os.makedirs(target, exist_ok=True)
        for below, names in (("", ("arms", "contrasts", "router")), ("draws", ("arms", "contrasts")), ("plans", ("arms",))):
            for name in names:
                source = os.path.join(s.folder, below, "report", name + ".csv")
                if os.path.exists(source):
                    shutil.copy(source, os.path.join(target, (below + "-" if below else "") + name + ".csv"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--into", action="append", default=[], help="a page whose tables are replaced; without one all tables are printed")
    parser.add_argument("studies", nargs="+", help="NAME=FOLDER")
    parser.add_argument("--csv", help="a folder for the tables behind it")
    args = parser.parse_args()
    studies = [Study(*s.split("=", 1)) for s in args.studies]
    if args.csv:
        copy_tables(studies, args.csv)
    pages = {path: open(path).read() for path in args.into}
    for name, (make, needed) in TABLES.items():
        if pages and not any(f"<!-- {name} -->" in page for page in pages.values()):
            continue
        if needed and any(getattr(s, needed) is None for s in studies):
            print(f"{name}: left as it is, for not every model has its {needed} measured", file=sys.stderr)
            continue
        text = make(studies)
        if not pages:
            print(f"\n<!-- {name} -->\n{text}\n<!-- end -->")
        pages = {path: replace_table(page, name, text) for path, page in pages.items()}
    for path, page in pages.items():
        with open(path, "w") as file:
            file.write(page)


if __name__ == "__main__":
    main()
