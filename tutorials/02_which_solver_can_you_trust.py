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
# # Which solver can you trust?
#
# The entropy Bregman projection is a textbook convex problem: three lines of CVXPY state it, and three good
# solvers - ECOS, SCS, Clarabel - take it from there. They nearly always report `optimal`. This tutorial checks.
#
# The theory of implicit regularisation speaks of the *deviation* $x(\alpha) - x^*$ from the l1 minimiser, and of
# how it vanishes as the scale of initialisation $\alpha$ does. So the question is not whether an answer solves
# $Ax = y$ to many digits. It is how many digits of the deviation are right.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, NotCertifiedWarning, projection_path, solve
from bregman_l1.plotting import backend_looks

A = np.random.default_rng(2025).standard_normal((20, 60))
x0 = np.zeros(60)
x0[[3, 17, 29, 44]] = [1.0, 2.0, 0.5, 1.5]
system = LinearSystem(A, A @ x0)

# %% [markdown]
# ## What is true
#
# For the truth we take the native backend, `newton`. It works in the logarithm of $x$, in which no entry is too
# small to count, and its answers are certified at every scale. (Its own certificate is no proof of its own
# honesty: the tests of this package compare it with answers computed to 30 digits.)

# %%
decades = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20]
truth = {k: solve(BregmanProjection(system, alpha=10.0**-k)) for k in decades}
x_star = solve(L1Minimization(system)).x
print(f"{sum(answer.status.is_certified for answer in truth.values())} of {len(decades)} certified")


def error(answer, k):
    """Error relative to the deviation: at 1 nothing of it is right."""
    deviation = np.abs(truth[k].x - x_star).sum()
    return np.abs(answer.x - truth[k].x).sum() / deviation


# %% [markdown]
# ## What the solvers say, and how far off they are
#
# `polish=False` asks for a solver's own answer at its own tolerance, as it stands. The package certifies it all the
# same, and warns when the certificate does not hold. None of these thirty holds: a certificate asks for nine digits
# in *every* entry's logarithm, and no conic solver aims at that. A missed certificate says "not that accurate", not
# "useless". So here is, beside what each solver said of itself, the error relative to the deviation. From one half on,
# not even the first digit is right.

# %%
warnings.simplefilter("ignore", NotCertifiedWarning)
backends = ["ecos", "scs", "clarabel"]
raw = {
    (name, k): solve(BregmanProjection(system, alpha=10.0**-k), name, polish=False)
    for name in backends
    for k in decades
}


def verdict(name, k):
    off = error(raw[name, k], k)
    return f"{off:.0e}" if off < 0.5 else "nothing right"


columns = {}
for name in backends:
    columns[name, "says"] = [raw[name, k].raw_status for k in decades]
    columns[name, "error"] = [verdict(name, k) for k in decades]
pd.DataFrame(columns, index=pd.Index([f"1e-{k}" for k in decades], name="alpha"))

# %% [markdown]
# The same as a picture:

# %%
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, look in backend_looks(backends).items():
    errors = [error(raw[name, k], k) for k in decades]
    axes.loglog([10.0**-k for k in decades], errors, **look.keywords(), label=name)
axes.axhline(1, color="gray", linestyle=":")
axes.text(0.1, 1.6, "nothing right", color="gray", ha="right")
axes.set(xlabel=r"$\alpha$", ylabel="error relative to the deviation")
_ = axes.legend()

# %% [markdown]
# Each loses it in its own way.
#
# - **ECOS** is right to seven or more digits down to $10^{-4}$. From there on it loses about as many digits as
#   $\alpha$ does: three are left at $10^{-8}$, one at $10^{-10}$, none at $10^{-12}$.
# - **Clarabel** has four or five digits from the start, where ECOS has eight, and keeps them longer: between three and
#   four at $10^{-8}$, nearly three at $10^{-10}$, one at $10^{-12}$, none from $10^{-14}$ on.
# - **SCS** is the best of the three at $10^{-1}$, has two digits at $10^{-4}$, one at $10^{-6}$ (where it says
#   `optimal_inaccurate` itself), and none from $10^{-8}$ on: what it returns there is the l1 minimiser, whose error is
#   exactly one deviation.
#
# At $10^{-20}$ the answers are hundreds of deviations off, and still `optimal`. No solver is to blame: each stops when
# its residuals are small compared with the *largest* numbers of the problem, as it promises, and the deviation is made
# of the smallest. Tighter tolerances move the curves (a [later tutorial](06_studies.ipynb) tries them); they do not
# change their shape.
#
# The certificate sees all of this without knowing the truth. Clarabel at $10^{-12}$, where one digit is right:

# %%
raw["clarabel", 12].certificate

# %% [markdown]
# It explains the data to many digits, and some of its smallest entries are not even positive.
#
# ## What polishing does
#
# With `polish=True`, the default, a solver's claim is only the start of a few Newton steps, and all of them end
# at the same vector. Which solver you name no longer matters:

# %%
for name in backends:
    polished = {k: solve(BregmanProjection(system, alpha=10.0**-k), name) for k in decades}
    worst = max(np.abs(polished[k].log_x - truth[k].log_x).max() for k in decades)
    certified = sum(answer.status.is_certified for answer in polished.values())
    print(f"{name:<9} {certified} of {len(decades)} certified; largest difference from newton in log x: {worst:.0e}")

# %% [markdown]
# ## And below?
#
# Conic solvers end at about 1e-16, where floating point itself loses the sum $x^* + (x - x^*)$. The theory only
# begins there. In logarithms there is no floor: here is the deviation down to $\alpha = 10^{-1000}$, from one
# walk, every point certified.

# %%
path = projection_path(system, log_alphas=np.linspace(0, -1000 * np.log(10), 40))
print(path)
_ = path.plot()

# %% [markdown]
# The slope is the paper's $1 - \varrho$. What it is, and how to compute it beforehand, is the subject of
# [how fast does the bias set in](03_how_fast_does_the_bias_set_in.ipynb).
