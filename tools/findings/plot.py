"""docs/findings.svg, from the CSV files that summarise.py has copied.

    python plot.py docs/findings docs/findings.svg

Noise and codecs at one bound, divergence by depth, equal bytes; bars are the 95 % intervals of the files. Needs numpy and matplotlib (requirements.txt).
"""
import csv
import os
import sys

import matplotlib.pyplot as plt
import numpy as np

MODELS = {"ebb-arith": "#0072b2", "ebb-arith-2": "#d55e00", "ebb-arith-mixtral": "#009e73"}
STYLES = ("-", "--", ":")


def arms(folder, model, table):
    with open(os.path.join(folder, model, table + ".csv")) as file:
        return list(csv.DictReader(file))


def line(axes, points, style, colour):
    """`points`: (x, row of arms.csv)."""
    x = [at for at, _ in points]
    middle, low, high = (np.array([float(row["mean_kl" + end]) for _, row in points]) for end in ("", "_low", "_high"))
    axes.errorbar(x, middle, (middle - low, high - middle), linestyle=style, color=colour, marker="o", markersize=3, linewidth=1.2, elinewidth=0.6)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    folder, path = sys.argv[1:]
    plt.rcParams.update({"svg.hashsalt": "ebb", "svg.fonttype": "none"})  # the same bytes for the same figures; text as text
    figure, (bound, depth, size) = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
    rates = set()
    for model, colour in MODELS.items():
        drawn = arms(folder, model, "draws-arms")
        for codec, style in zip(("noise:normal", "noise:uniform", "ebb:fast+dither"), STYLES):
            points = [(float(row["rate"]), row) for row in drawn if row["experiment"] == "draws" and row["codec"] == codec]
            rates.update(rate for rate, _ in points)
            line(bound, points, style, colour)
        line(depth, [(int(row["layers"]), row) for row in drawn if row["experiment"] == "depth"], "-", colour)
        planned = arms(folder, model, "plans-arms")
        for arm, style in zip(("2", "0", "1"), STYLES):  # quantizer, one bound, plan (plans.py)
            line(size, [(bits, row) for bits in (2.5, 3.5, 4.5) for row in planned if row["experiment"] == f"plan-{bits}" and row["arm"] == arm], style, colour)
    for axes, title, x, lines in ((bound, "All experts at one bound", "rate (bound over mean magnitude)", ("N(0, e)", "U(-e, e)", "ebb:fast")),
                                  (depth, "All experts of one layer, N(0, e), rate 0.8", "layer", ()),
                                  (size, "Equal bytes", "bits a weight", ("rtn2, rtn3, rtn4 (one rounding)", "ebb:fast, one bound", "ebb:fast, plan"))):
        axes.set_title(title)
        axes.set_xlabel(x)
        axes.set_ylabel("mean KL, nats a token")
        axes.set_yscale("log")
        axes.grid(alpha=0.3)
        if lines:
            axes.legend(handles=[plt.Line2D([], [], color="#444444", linestyle=style, label=name) for name, style in zip(lines, STYLES)], fontsize=8)
    bound.set_xscale("log")
    bound.set_xticks(sorted(rates), [f"{rate:g}" for rate in sorted(rates)])
    bound.minorticks_off()
    size.set_xticks((2.5, 3.5, 4.5))
    figure.legend(handles=[plt.Line2D([], [], color=colour, marker="o", label=model) for model, colour in MODELS.items()], loc="outside lower center", ncols=len(MODELS))
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
