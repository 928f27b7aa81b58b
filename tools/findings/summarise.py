"""The tables of docs/findings.md, from finished studies.

    python summarise.py --into ../../docs/findings.md "ebb-arith=DIR/study.sqlite" ...

Each table replaces what stands between <!-- NAME --> and <!-- end --> there. Intervals are 95 % percentile bootstraps over
items and draws (2,000 resamples, drawn independently of each other; both arms of a ratio share the items). Needs numpy only.
"""
import argparse
import sqlite3

import numpy as np

RESAMPLES = 2000
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
QUANTIZERS = ("rtn4", "rtn3", "rtn2")


class Study:
    """Divergence and answers of every cell of one database, as arrays over items."""

    def __init__(self, name, path):
        self.name = name
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        facts = dict(db.execute("SELECT key, value FROM study"))
        self.first, self.layers = int(facts["first_moe_layer"]), int(facts["num_layers"])
        self.cells, self.label, self.members = {}, {}, {}
        for cell, key, codec, bound, rate, layers, experts in db.execute(
                "SELECT cell_id, key, codec, bound, rate, layers, experts FROM cell ORDER BY cell_id"):
            self.cells.setdefault((codec, rate, layers, experts), []).append(cell)
            self.label[cell] = key
        for name, cell, arm in db.execute(
                "SELECT name, cell_id, arm FROM experiment_cell JOIN experiment USING (experiment_id) ORDER BY experiment_id, arm, cell_id"):
            self.members.setdefault(name, {}).setdefault(arm, []).append(cell)
        self.bits = dict(db.execute("SELECT cell_id, bits_per_weight FROM error"))
        self.kl = self.read(db, "SELECT cell_id, item, sum_kl FROM kl")
        self.tokens = self.read(db, "SELECT cell_id, item, tokens FROM kl")[0]
        self.ica = self.read(db, "SELECT cell_id, item, ica FROM answer")
        self.pia = self.read(db, "SELECT cell_id, item, pia FROM answer")

    @staticmethod
    def read(db, query):
        rows = {}
        for cell, item, value in db.execute(query + " ORDER BY cell_id, item"):
            rows.setdefault(cell, []).append(value)
        return {cell: np.array(values, float) for cell, values in rows.items()}

    def arm(self, codec, rate, layers="all", experts="all"):
        """[draws, items] of an arm's divergence, summed over each item's tokens."""
        return np.stack([self.kl[c] for c in self.cells[codec, rate, layers, experts]])


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


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows])


def noise(studies):
    """Divergence of noise and codecs at one bound, by ratios."""
    head = ["model", "rate", "KL of N(0, e)", "U(-e, e) / N(0, e)", "ebb:fast / U(-e, e)", "sz3 / U(-e, e)", "N(0, e/√3) / U(-e, e)"]
    rows = []
    for s in studies:
        for rate in RATES:
            normal, uniform = s.arm("noise:normal", rate), s.arm("noise:uniform", rate)
            same = s.cells.get(("noise:normal", round(rate / 3**0.5, 4), "all", "all"))
            rows.append([s.name, f"{rate:g}", show(mean_kl(s, normal)), show(ratio(uniform, normal))]
                        + [show(ratio(s.arm(c + "+dither", rate), uniform)) for c in ("ebb:fast", "sz3:interp-lorenzo")]
                        + [show(ratio(np.stack([s.kl[c] for c in same]), uniform)) if same else ""])
    return table(head, rows)


def growth(studies):
    """Exponents p of KL ~ rate^p over the rates of `draws`, fitted to logarithms."""
    rows = []
    for s in studies:
        row = [s.name]
        for codec in ("noise:normal", "noise:uniform", "ebb:fast+dither"):
            x = np.log([r for r in RATES])
            row.append(f"{np.polyfit(x, np.log([s.arm(codec, r).mean() for r in RATES]), 1)[0]:.2f}")
        rows.append(row)
    return table(["model", "N(0, e)", "U(-e, e)", "ebb:fast"], rows)


def depth(studies):
    """Divergence by layer at rate 0.8, and what accuracy loses at 1.6, all experts of one layer."""
    head = ["layer"] + [f"{s.name}: {what}" for s in studies for what in ("KL x 1e6 at 0.8", "ICA at 1.6, points")]
    rows = []
    for layer in range(min(s.first for s in studies), max(s.layers for s in studies)):
        row = [str(layer)]
        for s in studies:
            if layer < s.first:
                row += ["dense", ""]
                continue
            kl = mean_kl(s, s.arm("noise:normal", 0.8, str(layer)))
            row += [show([1e6 * v for v in kl], "{:.0f}"), show(difference(s, s.ica, s.cells["noise:normal", 1.6, str(layer), "all"]), "{:+.1f}")]
        rows.append(row)
    return table(head, rows)


def slopes(study, rate, rng):
    """Slope of ln KL over relative depth (0 the first layer with experts, 1 the last), over resamples; the first entry is the estimate."""
    layers = range(study.first, study.layers)
    arms = [study.arm("noise:normal", rate, str(l)) for l in layers]
    x = np.linspace(0, 1, len(arms))
    weights = [[np.full(arms[0].shape[1], 1.0)] + [np.full(len(a), 1 / len(a)) for a in arms]] + list(resample(rng, *arms))
    return [np.polyfit(x, np.log([w @ a @ wi for w, a in zip(ws, arms)]), 1)[0] for wi, *ws in weights]


def profile(study, rate):
    return np.log([study.arm("noise:normal", rate, str(l)).mean() for l in range(max(1, study.first), study.layers)])


def ranks(values):
    return np.argsort(np.argsort(values))


def trend(studies):
    """Whether divergence falls with depth, and whether two models agree on which layers are sensitive."""
    rows = []
    for rate in (0.5, 0.8, 1.6):
        for s in studies:
            all_slopes = np.exp(slopes(s, rate, np.random.default_rng(1)))
            others = [f"{np.corrcoef(ranks(profile(s, rate)), ranks(profile(o, rate)))[0, 1]:+.2f}" if o is not s else "" for o in studies]
            rows.append([s.name, f"{rate:g}", show([all_slopes[0], *np.percentile(all_slopes[1:], (2.5, 97.5))])] + others)
    return table(["model", "rate", "KL of the last layer / the first (log-linear fit)"] + [f"rank correlation with {s.name}" for s in studies], rows)


def deep(studies):
    """Accuracy under error in the deepest third of the layers: is it ever above the baseline's?"""
    rows = []
    for s in studies:
        start = s.first + (s.layers - s.first) * 2 / 3
        for measure, values in (("ICA", s.ica), ("PIA", s.pia)):
            arms = []
            for (codec, rate, layers, _), cells in s.cells.items():
                if codec == "noise:normal" and layers not in (None, "all") and int(layers.split("-")[0]) >= start and cells[0] in values:
                    arms.append(cells)
            differences = [difference(s, values, cells) for cells in arms]
            pooled = difference(s, values, [c for cells in arms for c in cells])
            rows.append([s.name, measure, f"{100 * values[0].mean():.1f}", str(len(arms)), str(sum(d[1] > 0 for d in differences)),
                         str(sum(d[2] < 0 for d in differences)), f"{max(d[0] for d in differences):+.2f}", show(pooled, "{:+.2f}")])
    return table(["model", "", "baseline, %", "arms", "above it (interval above 0)", "below it (interval below 0)", "best arm, points", "all together, points"], rows)


def equal_bytes(studies):
    """Quantizers against the error-bounded codec at the same bytes; the codec's roundings drawn five times."""
    rows = []
    for s in studies:
        for quantizer in QUANTIZERS:
            members = s.members["bytes-" + quantizer]
            reference = members[0]
            bounded = next(cells for cells in members.values() if "ebb:fast," in s.label[cells[0]])
            rate = s.label[bounded[0]].split("rel:")[1]
            drawn = s.cells["ebb:fast+dither", float(rate), "all", "all"]
            for cells in members.values():
                name = s.label[cells[0]].split(" | ")[1].split(",")[0]
                if name.startswith("ebb"):
                    continue
                kl = np.stack([s.kl[c] for c in cells])
                rows.append([s.name, f"{name}, {s.bits[cells[0]]:.2f}", f"rel:{rate}, {s.bits[bounded[0]]:.2f}", show(mean_kl(s, kl)),
                             show(ratio(np.stack([s.kl[c] for c in drawn]), kl)), f"{s.kl[bounded[0]].mean() / kl.mean():.2f}",
                             f"{100 * s.ica[cells[0]].mean():.1f}", f"{100 * s.ica[bounded[0]].mean():.1f}", f"{100 * s.ica[0].mean():.1f}"])
            del reference
    return table(["model", "quantizer, bits", "ebb:fast, bits", "KL of the quantizer", "KL of ebb:fast / quantizer, 5 draws", "the codec's own rounding",
                  "ICA of the quantizer", "ICA of ebb:fast", "unperturbed"], rows)


TABLES = {"noise": noise, "growth": growth, "depth": depth, "trend": trend, "deep": deep, "bytes": equal_bytes}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--into", help="the page whose tables are replaced; without it they are printed")
    parser.add_argument("studies", nargs="+", help="NAME=DATABASE")
    args = parser.parse_args()
    studies = [Study(*s.split("=", 1)) for s in args.studies]
    page = open(args.into).read() if args.into else ""
    for name, make in TABLES.items():
        text = make(studies)
        if not args.into:
            print(f"\n<!-- {name} -->\n{text}\n<!-- end -->")
            continue
        start = page.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n")
        page = page[:start] + text + "\n" + page[page.index("<!-- end -->", start):]
    if args.into:
        with open(args.into, "w") as file:
            file.write(page)


if __name__ == "__main__":
    main()
