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
# solvers - ECOS, SCS, Clarabel - take it from there. They all report `optimal`. This tutorial checks.
#
# The theory of implicit regularisation speaks of the *deviation* $x(\alpha) - x^*$ from the l1 minimiser, and of
# how it vanishes as the scale of initialisation $\alpha$ does. So the question is not whether an answer solves
# $Ax = y$ to many digits. It is how many digits of the deviation are right.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, NotCertifiedWarning, projection_path, solve

A = np.random.default_rng(2025).standard_normal((20, 60))
x0 = np.zeros(60)
x0[[3, 17, 29, 44]] = [1.0, 2.0, 0.5, 1.5]
system = LinearSystem(A, A @ x0)

# %% [markdown]
# ## What the solvers say
#
# `polish=False` asks for a solver's own answer, as it stands. The package certifies it all the same, and warns
# when the certificate does not hold; here we silence the warnings and put them in a table.

# %%
warnings.simplefilter("ignore", NotCertifiedWarning)
backends = ["ecos", "scs", "clarabel"]
decades = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20]
raw = {
    (name, k): solve(BregmanProjection(system, alpha=10.0**-k), name, polish=False)
    for name in backends
    for k in decades
}

print(f"{'alpha':>6}  " + "  ".join(f"{name:^36}" for name in backends))
for k in decades:
    cells = (f"{raw[name, k].raw_status:>18}, {raw[name, k].status.value:<16}" for name in backends)
    print(f"1e-{k:<3}  " + "  ".join(cells))

# %% [markdown]
# On the left what the solver said of itself, on the right what the optimality conditions say of its answer. One
# certificate in full - Clarabel at $\alpha = 10^{-12}$:

# %%
print(raw["clarabel", 12].certificate)

# %% [markdown]
# It explains the data to many digits, and some of its smallest entries are not even positive. A conic
# solver stops when its residuals are small compared with the *largest* numbers in the problem; the deviation is
# made of the smallest.
#
# ## How wrong, then?
#
# For the truth we take the native backend, `newton`. It works in the logarithm of $x$, in which no entry is too
# small to count, and its answers are certified at every scale. (Its own certificate is no proof of its own
# honesty: the tests compare it with answers computed to 30 digits.)

# %%
x_star = solve(L1Minimization(system)).x
truth = {k: solve(BregmanProjection(system, alpha=10.0**-k)) for k in decades}


def error(answer, k):
    """Error relative to the deviation: 1 means that nothing of it is right."""
    deviation = np.abs(truth[k].x - x_star).sum()
    return np.abs(answer.x - truth[k].x).sum() / deviation


figure, axes = plt.subplots(figsize=(6, 4))
for name in backends:
    axes.loglog([10.0**-k for k in decades], [error(raw[name, k], k) for k in decades], "o-", label=f"{name}, raw")
axes.axhline(1, color="gray", linestyle=":")
axes.text(0.1, 1.6, "nothing right", color="gray", ha="right")
axes.set_xlabel(r"$\alpha$")
axes.set_ylabel("error relative to the deviation")
axes.legend()
# %% [markdown]
# SCS loses the deviation altogether at $10^{-8}$ - what it returns there is the l1 minimiser - and ECOS and
# Clarabel between $10^{-12}$ and $10^{-16}$. At $10^{-20}$ the answers are hundreds of deviations off. All of
# them but one are `optimal`.
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
path = projection_path(system, np.linspace(0, -1000 * np.log(10), 40))
print(path)
path.plot()

# %% [markdown]
# The slope is the paper's $1 - \varrho$. What it is, and how to compute it beforehand, is the subject of
# [how fast does the bias set in](03_how_fast_does_the_bias_set_in.ipynb).
