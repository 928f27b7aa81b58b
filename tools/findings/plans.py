"""Plans against uniform bounds and quantizers at the same bytes, for a finished study.

    python plans.py --ebb ../../build/release/bin/ebb MODEL STUDY.toml FOLDER

For each size: the plan, a file compressed with it, a file at the uniform bound of that size, and what `ebb eval` measures of both (FOLDER/plans.json).
Then a study of the same bounds with five draws of the codec's roundings, on all problems (FOLDER/study.toml), because one draw is luck:
summarise.py makes a table of it. Python's standard library only.
"""
import argparse
import json
import os
import subprocess

SIZES = {"4.5": "rtn4", "3.5": "rtn3", "2.5": "rtn2"}
SEEDS = [1, 2, 3, 4, 5]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ebb", default="ebb")
    parser.add_argument("model")
    parser.add_argument("study")
    parser.add_argument("folder")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    heldout = os.path.abspath(os.path.join(args.model, "heldout.jsonl"))

    def ebb(*words):
        return json.loads(subprocess.run([args.ebb, *words, "--json"], check=True, stdout=subprocess.PIPE).stdout)

    measured = []
    experiments = []
    for size, quantizer in SIZES.items():
        plan_file = os.path.join(args.folder, f"plan-{size}.json")
        said = ebb("plan", args.study, "--size", size + "bpw", "-o", plan_file)
        uniform = said["uniform_bound"]
        row = {"size": size, "uniform_bound": uniform, "predicted_ratio": said["predicted_ratio"]}
        for name, bound in (("plan", ["--plan", plan_file]), ("uniform", ["--bound", uniform])):
            file = os.path.join(args.folder, f"{name}-{size}.ebb")
            row[name + "_bits"] = ebb("compress", args.model, "-o", file, "--codec", "ebb:fast", *bound)["bits_per_weight"]
            row[name + "_kl"] = ebb("eval", file, "--task", "kl", "--reference", args.model, "--data", heldout)["mean_kl"]
        measured.append(row)
        groups = [f"ebb:fast+dither,{g['bound']},layers={g['layer']}" + (f",experts={g['expert']}" if g["expert"] is not None else "") for g in said["groups"]]
        cells = [[f"ebb:fast+dither,{uniform}"], groups, [quantizer]]
        experiments.append(f'[[experiment]]\nname = "plan-{size}"\nabout = "A plan, the uniform bound and a quantizer at {size} bits a weight"\n'
                           f'data = "arith"\nmeasure = ["kl", "accuracy"]\ninject = {json.dumps(cells)}\nseeds = {SEEDS}\ncompare = "codecs"\n')
    with open(os.path.join(args.folder, "plans.json"), "w") as out:
        json.dump(measured, out, indent=1)
        out.write("\n")
    study = os.path.join(args.folder, "study.toml")
    with open(study, "w") as out:
        out.write(f'version = 1\nmodel = {json.dumps(os.path.abspath(args.model))}\ndatabase = "study.sqlite"\n\n'
                  f'[[data]]\nname = "arith"\ntask = "arith"\nfile = {json.dumps(heldout)}\nnew_tokens = 160\nbatch = 32\nkl_items = 500\n\n' + "\n".join(experiments))
    subprocess.run([args.ebb, "study", "run", study], check=True)
    subprocess.run([args.ebb, "study", "report", study, "-o", os.path.join(args.folder, "report")], check=True)
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
