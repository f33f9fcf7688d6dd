# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Comparing solvers, and running a study
#
# Two questions that one system cannot answer:
#
# * *Which solver can I trust, down to which $\alpha$, and what does it cost?*
# * *What does the theory look like on typical data?* How fast does training approach the $\ell^1$-minimiser for
#   random matrices, and what does noise do to it?
#
# Both need many systems. This tutorial shows the two functions made for that: `compare`, which runs every solver
# on the same projections and judges all of them by one measure, and `sweep`, which evaluates any function over a
# grid of parameters and keeps every result, even if the machine is switched off in the middle.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from bregman_l1 import BregmanProjection, solve
from bregman_l1.experiments import Store, Study, compare, load_study, shipped_studies, sweep
from bregman_l1.experiments.ensembles import ENSEMBLES, draw, from_recipe
from bregman_l1.plotting.studies import PICTURES

# %% [markdown]
# ## Systems from a recipe
#
# A random system is drawn by naming its ensemble, its sizes and a seed: $N$ equations, $d$ unknowns, and a planted
# vector $x_0 \ge 0$ with $s$ nonzero entries, so that $y = A x_0$.

# %%
for name, ensemble in ENSEMBLES.items():
    print(f"{name:12s} {ensemble.summary}")

# %%
instance = draw("gaussian", N=20, d=60, s=4, seed=7)
print(instance.system)
print(instance.recipe.to_dict())

# %% [markdown]
# The recipe is all you need to write down: it gives the same system back, to the last bit.

# %%
again = from_recipe(instance.recipe.to_dict())
print("same matrix:", np.array_equal(again.system.matrix, instance.system.matrix))

# %% [markdown]
# ## What a solver says, and what is true
#
# The projection $x(\alpha)$ is a convex problem, and any solver with an exponential cone accepts it. Take a small
# $\alpha$ and ask one of them, without any help from this package:

# %%
import warnings

from bregman_l1 import NotCertifiedWarning

problem = BregmanProjection(instance.system, alpha=1e-10)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", NotCertifiedWarning)
    raw = solve(problem, "ecos", polish=False)
print("the solver says:     ", raw.raw_status)
print("the certificate says:", raw.status.value)

# %% [markdown]
# `optimal`, says the solver, and in its own terms it is right: $Ax = y$ holds to many digits and the objective is
# close to its minimum. But what the theory is about is the *deviation* $x(\alpha) - x^*$, whose entries are tiny,
# and a solver that stops at an absolute accuracy of $10^{-9}$ knows nothing about entries of size $10^{-10}$.
#
# ## All solvers at once
#
# `compare` does this for the solvers named, or for all that are installed, at a default and a tightened tolerance, and
# over a range of $\alpha$. Each answer is judged twice: as the solver claimed it, and after our own Newton steps from
# that claim (*polished*). Threads are the same for all, there is a warm-up, and versions are kept with the result.

# %%
comparison = compare(
    [draw("gaussian", N=20, d=60, s=4, seed=seed) for seed in range(2)],
    backends=["newton", "clarabel", "ecos", "scs"],
    alphas=[10.0**-k for k in range(0, 17, 4)],
    repeats=1,
    max_iter=5000,
)
runs = pd.DataFrame(comparison.runs)
runs["alpha"] = np.exp(runs["log_alpha"])
runs["tol"] = runs["tol"].map("{:.0e}".format)
runs["answer"] = np.where(runs["polished"], "polished", "as claimed")
certified = runs.pivot_table(index=["backend", "tol"], columns="answer", values="certified", aggfunc="mean")
certified.map("{:.0%}".format)

# %% [markdown]
# How often did an answer pass every check? `print(comparison)` shows this table with the time that each answer took,
# how often the solver vouched for it, and the smallest $\alpha$ down to which all answers passed.
#
# Certified means: right to nine digits in every entry's logarithm. What is not certified need not be worthless, so
# here is how wrong the claims are: the median error relative to the deviation. From one half on, not even its first
# digit is right.

# %%
errors = runs.pivot_table(index=["backend", "tol", "answer"], columns="alpha", values="error", aggfunc="median")
claimed = errors.xs("as claimed", level="answer")
claimed.rename(columns="{:.0e}".format).map(lambda error: f"{error:.0e}" if error < 0.5 else "nothing right")

# %%
looks = {"newton": "#0072B2", "clarabel": "#D55E00", "ecos": "#E69F00", "scs": "#009E73"}
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.8), sharey=True, layout="constrained")
for axes, answer in zip(panels, ("as claimed", "polished"), strict=True):
    for (backend, tol), row in errors.xs(answer, level="answer").iterrows():
        line = "o-" if tol == "1e-09" else "^:"
        axes.loglog(row.index, row, line, color=looks[backend], markersize=4, label=f"{backend}, tol {tol}")
    axes.axhline(1, color="0.7")
    axes.set(xlabel=r"$\alpha$", xticks=errors.columns, title=answer)
panels[0].set_ylabel("error relative to the deviation")
_ = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)

# %% [markdown]
# On the left, the raw claims: every conic solver crosses the line at 1, above which not even the order of magnitude is
# right. On the right the same claims after polishing. `comparison.plot()` draws both, and a *performance profile*: for
# how large a share of the projections was this solver certified within so many times the time of the fastest? (Times
# are left out here: two systems, measured once, say nothing about them.)
#
# The same from the command line, with a table of every single run:
#
# ```
# bregman-l1 compare --quick --csv runs.csv --picture runs.png
# ```
#
# ## A study of your own
#
# A study is a function of a seed and some parameters, and a grid of values for them. The function returns a record:
# a mapping of names to numbers. Here is one that asks how large $\alpha$ may be before the network's limit
# has less than 99 % of its mass on the right entries.

# %%


def mass_off_support(seed, *, s, log10_alpha):
    instance = draw("gaussian", N=20, d=60, s=s, seed=seed)
    x = solve(BregmanProjection(instance.system, alpha=10.0**log10_alpha)).x
    return {"share": x[instance.x0 == 0].sum() / x.sum()}


study = Study(
    measure=mass_off_support,
    grid={"s": [2, 4, 6], "log10_alpha": [-1, -2, -3, -4, -6, -8]},
    repetitions=10,
)
print(len(study), "rows")

# %% [markdown]
# `sweep` evaluates every row, here in two processes, and puts each record on disk before the next one counts as
# done.

# %%
store = Path(mkdtemp()) / "mass"
records = sweep(study, store, n_jobs=2)
print(len(records), "records; the first one:")
first = next(iter(records))
print(first.parameters, first.repetition, f"share {first.result['share']:.4f}")

# %%
figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
for s, marker in ((2, "o"), (4, "s"), (6, "^")):
    group = [record for record in records if record.parameters["s"] == s]
    scales = sorted({record.parameters["log10_alpha"] for record in group})
    shares = [[r.result["share"] for r in group if r.parameters["log10_alpha"] == scale] for scale in scales]
    axes.semilogy(scales, np.median(shares, axis=1), marker=marker, label=f"s = {s}")
axes.axhline(0.01, color="0.7")
axes.set(xlabel=r"$\log_{10}\,\alpha$", ylabel="share of the mass off the support of $x_0$")
_ = axes.legend()
# %% [markdown]
# ## Pulling the plug
#
# Suppose the power fails in the middle of writing a record. We can imitate that: the last five records are lost, and
# of the one before only the first characters are on the disk.

# %%
file = store / "records.jsonl"
lines = file.read_bytes().splitlines(keepends=True)
file.write_bytes(b"".join(lines[:-6]) + lines[-6][:40])
print(len(Store(store)), "whole records are left")

# %% [markdown]
# The same call finishes the study. It repeats only what is missing, and it ends with exactly the records of a run
# that was never interrupted: a row's seed is made from the study's seed and the row's own parameters, so that it
# does not matter when, where, or in which order the row is evaluated.

# %%
sweep(study, store)
print("the same records as before:", sorted(file.read_bytes().splitlines(keepends=True)) == sorted(lines))

# %% [markdown]
# A store is never overwritten. If it belongs to another study, or a line was damaged, `sweep` refuses it and says
# why. Wall-clock times are kept apart, in `log.jsonl`: they are the one thing that differs from run to run.

# %%
from bregman_l1 import BregmanError

try:
    sweep(Study(measure=mass_off_support, grid={"s": 3, "log10_alpha": -1}), store)
except BregmanError as error:
    print(str(error).replace(str(store), "..."))

# %% [markdown]
# More repetitions extend a store: the rows that are there keep their seeds, and stay. `records.summary()` draws the
# results of each combination together, and groups what failed by its reason; `records.to_frame()` hands all of it to
# pandas.

# %%
print(sweep(replace(study, repetitions=12), store).summary())

# %% [markdown]
# ## The studies that come with the package
#
# Four studies are shipped as files of a few lines. From the command line each is one command, for example
#
# ```
# bregman-l1 sweep recovery --store results/recovery --picture recovery.png --n-jobs 2
# ```
#
# and `--cluster tcp://host:8786` sends the same study to a dask cluster.

# %%
for name in shipped_studies():
    print(f"{name:12s} {load_study(name).title}")

# %% [markdown]
# The first question of the paper's last remark is about the null-space constant $\rho$: the deviation shrinks like
# $\alpha^{1-\rho}$, so everything is slow when $\rho$ is close to 1. Here is that study with few repetitions: four for
# each point, so that the bands are rough.

# %%
shipped = load_study("null-space")
small = replace(shipped, repetitions=4)
records = sweep(small, store.parent / "null-space", n_jobs=2)
_ = PICTURES["null-space"](records)

# %% [markdown]
# Without noise $\rho$ is well below 1; it grows with the sparsity $s$ and falls with the number of equations $N$. The
# dashed curves are $c \sqrt{s \log(d/s) / N}$, with a constant $c$ that is fitted to each panel anew, $0.79$ to the
# left one and $0.62$ to the middle one. So they show a trend that is roughly of this form, and no more: one constant
# does not serve both, and the left one rises more slowly than the medians. (The paper prints $\log(N/s)$ in its remark;
# it should be $\log(d/s)$, the logarithm of how many supports there are to choose from, divided by $s$.) The right
# panel is the surprise: with any noise at all, however
# little, $\rho$ is close to 1. The reason is the support: a generic $y$ needs $N$ columns to be
# represented, not $s$, and so the $\ell^1$-minimiser has $N$ nonzero entries.
#
# What does that mean for a training run? The slope of $\log \|x(\alpha) - x^*\|$ over $\log \alpha$ tends to
# $1 - \rho$ in both cases, but at very different $\alpha$:

# %%
records = sweep(replace(load_study("rate"), repetitions=8), store.parent / "rate", n_jobs=2)
_ = PICTURES["rate"](records)

# %% [markdown]
# Without noise the slope is right to a few per cent from the start. With noise, it takes an $\alpha$ far below
# anything a floating-point network could be initialised with: at every realistic $\alpha$, the network is still far
# from the $\ell^1$-minimiser. This is why the projections here are computed in logarithms.
#
# ## Where to go from here
#
# * `bregman-l1 sweep bounds` compares the paper's bounds with the sharp enclosures, `bregman-l1 sweep recovery`
#   draws the transition of unique recovery with its theoretical threshold.
# * Your own study file names a function of yours as `measure = "package.module:function"`.
