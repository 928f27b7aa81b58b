#!/usr/bin/env python3
"""Writes tests/golden/stats/goldens.json: what scipy and statsmodels say, for src/stats to agree with.

Run it in the environment of requirements-stats.txt:
    python3 tools/goldens/make_stats_goldens.py > tests/golden/stats/goldens.json
"""
import json
import sys
from importlib.metadata import version

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint


def quantiles():
    return [{"p": p, "z": stats.norm.ppf(p)}
            for p in (1e-300, 1e-20, 1e-8, 0.001, 0.025, 0.2, 0.4999, 0.5, 0.8, 0.975, 0.999999)]


def binomials():
    cases = [(0, 1), (0, 5), (2, 5), (3, 7), (40, 100), (60, 100), (450, 1000), (500, 1000),
             (499000, 1000000), (10, 1000)]
    return [{"k": k, "n": n, "cdf": stats.binom.cdf(k, n, 0.5)} for k, n in cases]


def wilson():
    cases = [(0, 1), (1, 1), (0, 10), (10, 10), (7, 10), (95, 100), (430, 500), (1267, 1319), (3, 1000)]
    rows = []
    for hits, items in cases:
        for confidence in (0.9, 0.95, 0.99):
            low, high = proportion_confint(hits, items, alpha=1 - confidence, method="wilson")
            rows.append({"hits": hits, "items": items, "confidence": confidence,
                         "low": max(0.0, float(low)), "high": min(1.0, float(high))})
    return rows


def mcnemar_exact():
    cases = [(0, 0), (1, 0), (5, 5), (3, 9), (12, 2), (40, 18), (100, 141), (0, 25), (1, 2)]
    return [{"only_before": b, "only_after": c,
             "p": float(mcnemar([[50, b], [c, 20]], exact=True).pvalue) if b + c else 1.0}
            for b, c in cases]


def paired_difference():
    """Newcombe's method 10 written out on scipy's and statsmodels' parts, and, where the two rates
    are uncorrelated, statsmodels' own interval for independent rates, which it then equals."""
    rows = []
    cases = [(36, 12, 2, 0), (20, 12, 2, 0), (18, 0, 12, 20), (1, 12, 3, 34), (400, 30, 12, 58),
             (54, 0, 0, 0), (30, 0, 0, 24), (0, 5, 5, 0), (25, 25, 25, 25), (430, 22, 31, 17)]
    for a, b, c, d in cases:
        n = a + b + c + d
        before, after = (a + b) / n, (a + c) / n
        l1, u1 = proportion_confint(a + c, n, alpha=0.05, method="wilson")
        l2, u2 = proportion_confint(a + b, n, alpha=0.05, method="wilson")
        margins = (a + b) * (c + d) * (a + c) * (b + d)
        top = a * d - b * c
        if top > 0:
            top = max(0, top - n / 2)
        phi = top / np.sqrt(margins) if margins else 0.0
        delta = np.sqrt((after - l1) ** 2 - 2 * phi * (after - l1) * (u2 - before) + (u2 - before) ** 2)
        epsilon = np.sqrt((u1 - after) ** 2 - 2 * phi * (u1 - after) * (before - l2) + (before - l2) ** 2)
        low, high = after - before - delta, after - before + epsilon
        if phi == 0:
            other = confint_proportions_2indep(a + c, n, a + b, n, method="newcomb", compare="diff")
            assert np.allclose((low, high), other, atol=1e-12), (low, high, other)
        rows.append({"both": a, "only_before": b, "only_after": c, "neither": d,
                     "value": after - before, "low": max(-1.0, float(low)), "high": min(1.0, float(high))})
    return rows


def smallest_drop():
    rows = []
    for items in (10, 100, 500, 1319):
        for share in (0.0, 0.02, 0.1, 0.3, 1.0):
            for alpha, power in ((0.05, 0.8), (0.01, 0.9)):
                za, zp = stats.norm.isf(alpha / 2), stats.norm.ppf(power)

                def lack(drop, changed):
                    return za * np.sqrt(changed) + zp * np.sqrt(max(0, changed - drop ** 2)) - drop * np.sqrt(items)

                changed = max(share, min(1, 0.5 / items))
                if lack(changed, changed) <= 0:
                    drop = optimize.brentq(lambda d: lack(d, changed), 0, changed, xtol=1e-15)
                elif lack(1, 1) > 0:
                    drop = 1.0
                else:
                    drop = optimize.brentq(lambda d: lack(d, d), changed, 1, xtol=1e-15)
                rows.append({"items": items, "discordant": share, "alpha": alpha, "power": power, "drop": drop})
    return rows


def adjusted():
    random = np.random.default_rng(1)
    lists = [[0.5], [0.01, 0.04, 0.03, 0.005], [0.05] * 4, [0.0, 1.0, 0.2], [1.0, 1.0],
             [float(p) for p in random.uniform(size=20) ** 3]]
    return [{"p": p, "holm": [float(x) for x in multipletests(p, method="holm")[1]],
             "bh": [float(x) for x in multipletests(p, method="fdr_bh")[1]]} for p in lists]


def bootstrap():
    random = np.random.default_rng(2)
    rows = []
    for items, chance in ((50, 0.8), (200, 0.5), (500, 0.95)):
        values = (random.uniform(size=items) < chance).astype(float)
        interval = stats.bootstrap((values,), np.mean, n_resamples=200000, method="percentile",
                                   rng=np.random.default_rng(3), batch=1000).confidence_interval
        rows.append({"values": [int(v) for v in values], "mean": float(values.mean()),
                     "low": float(interval.low), "high": float(interval.high),
                     "deviation": float(values.std() / np.sqrt(items))})
    return rows


def router():
    rows = []
    for counts in ([5, 5, 5, 5], [20, 0, 0, 0], [1, 2, 3, 4], [0, 0, 7, 9, 100, 3], [3]):
        c = np.array(counts, dtype=float)
        n, total = len(c), c.sum()
        gini = float(np.abs(c[:, None] - c[None, :]).sum() / (2 * n * total))
        rows.append({"counts": counts, "imbalance": float(c.max() / c.mean()),
                     "utilisation": float((c > 0).mean()),
                     "entropy": float(stats.entropy(c) / np.log(n)) if n > 1 else 1.0, "gini": gini})
    return rows


def student():
    rows = []
    for freedom in (1, 1.7, 4, 4.35, 30, 499, 123456.5):
        for t in (0.0, 1e-6, 0.3, 2.0, 9.5, 60.0):
            rows.append({"freedom": freedom, "t": t, "p": float(2 * stats.t.sf(t, freedom))})
    return rows


def student_quantiles():
    return [{"freedom": freedom, "p": p, "t": float(stats.t.ppf(p, freedom))}
            for freedom in (1, 1.7, 4, 30, 499) for p in (0.3, 0.5, 0.8, 0.975, 0.9999, 1 - 1e-7)]


def crossed():
    """The mean squares of an analysis of variance with items and draws crossed, in long doubles; t and
    its quantiles are scipy's."""
    wide = np.longdouble

    def squares(table):  # [draw, item] -> MS of draws, MS of the rest
        draws, items = table.shape
        grand, by_draw, by_item = table.mean(), table.mean(axis=1), table.mean(axis=0)
        ms_draws = items * ((by_draw - grand) ** 2).sum() / (draws - 1)
        ms_rest = (((table - by_item[None, :] - by_draw[:, None] + grand) ** 2).sum()
                   / ((draws - 1) * (items - 1)))
        return ms_draws, ms_rest

    random = np.random.default_rng(5)
    rows = []
    for items, s, t, fixed, spread, binary in ((12, 5, 1, True, 0.5, False), (8, 3, 4, False, 0.1, False),
                                               (10, 1, 5, False, 0.0, False), (15, 2, 1, False, 1.0, False),
                                               (20, 5, 5, False, 0.0, True), (20, 5, 1, True, 0.0, True)):
        shared = random.normal(size=items)
        arms = []
        for draws, still in ((s, False), (t, fixed)):
            table = shared + random.normal(size=(draws, items)) * 0.7
            if not still:
                table = table + spread * random.normal(size=(draws, 1)) + 0.3
            arms.append((table > 0).astype(int) if binary else np.round(table, 3))
        x, y = arms[0].astype(wide), arms[1].astype(wide)
        n = wide(items)
        d = x.mean(axis=0) - y.mean(axis=0)
        terms = [(((d - d.mean()) ** 2).sum() / (n - 1) / n, n - 1)]
        shares = {}  # of the arm whose draws are measured
        for k, (arm, still) in enumerate(((x, False), (y, fixed))):
            if not still:
                source = k if len(arm) > 1 else 1 - k
                shares[source] = shares.get(source, wide(0)) + wide(1) / len(arm)
        by_draws = twice = wide(0)
        for source, share in shares.items():
            ms_draws, ms_rest = squares((x, y)[source])
            freedom = len((x, y)[source]) - 1
            by_draws += share * ms_draws / n
            twice += share * ms_rest / n
            terms += [(share * ms_draws / n, wide(freedom)), (share * ms_rest / n, freedom * (n - 1))]
        variance = max(terms[0][0] + by_draws - twice, terms[0][0], by_draws)
        freedom = max(variance ** 2 / sum(v ** 2 / f for v, f in terms), min(f for _, f in terms))
        error = np.sqrt(variance)
        reach = stats.t.ppf(0.975, float(freedom)) * error
        rows.append({"first": arms[0].tolist(), "second": arms[1].tolist(), "fixed": fixed,
                     "difference": float(d.mean()), "error": float(error), "freedom": float(freedom),
                     "p": float(2 * stats.t.sf(abs(float(d.mean() / error)), float(freedom))),
                     "low": float(d.mean() - reach), "high": float(d.mean() + reach)})
    return rows


def sign_flips():
    """All 2^n choices of signs, none left out."""
    rows = []
    for seed, items, shift in ((6, 10, 0.5), (7, 14, 0.9), (8, 12, 0.0)):
        values = np.round(np.random.default_rng(seed).normal(size=items) + shift, 3)
        signs = 1 - 2 * ((np.arange(2 ** items)[:, None] >> np.arange(items)) & 1)
        hits = np.abs(signs @ values) >= abs(values.sum()) - 1e-9
        rows.append({"differences": values.tolist(), "p": float(hits.mean())})
    return rows


json.dump({"made_with": {name: version(name) for name in ("numpy", "scipy", "statsmodels")},
           "quantiles": quantiles(), "binomials": binomials(), "wilson": wilson(),
           "mcnemar": mcnemar_exact(), "paired_difference": paired_difference(),
           "smallest_drop": smallest_drop(), "adjusted": adjusted(), "bootstrap": bootstrap(),
           "router": router(), "student": student(), "student_quantiles": student_quantiles(),
           "crossed": crossed(), "sign_flips": sign_flips()}, sys.stdout, indent=0)
sys.stdout.write("\n")
