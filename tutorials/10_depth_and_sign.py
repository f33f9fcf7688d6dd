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
# # Depth and sign
#
# A regression has coefficients of either sign, and a network may have more than two layers. The network
# $x = u^D - v^D$ has both. Trained by gradient descent on $\|Ax - y\|^2$ from a small start, it finds a sparse $x$
# that fits the data, and where exactly it ends is again a convex problem: a Bregman projection, in the entropy for
# depth 2, in a power of $x$ for depth 3 and more, in the logarithmic barrier for infinite depth.
#
# This tutorial predicts where networks of depth 2, 3 and 4 end and trains them; asks which depth comes closest to the
# sparse solution, and when; shows that the infinitely deep network is the central path of interior-point methods; and
# watches coefficients switch on, one at a time, from a start of size $10^{-60}$.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import lars_path

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, analyze, compare_depths, gradient_flow, solve

# %% [markdown]
# ## A regression
#
# Thirty observations of eighty features. Neighbouring features are correlated, and five of them matter, two with a
# negative coefficient.

# %%
rng = np.random.default_rng(3)
normal = rng.standard_normal((30, 80))
features = normal.copy()
for j in range(1, 80):
    features[:, j] = 0.6 * features[:, j - 1] + 0.8 * normal[:, j]
features /= np.linalg.norm(features, axis=0)

coefficients = np.zeros(80)
coefficients[[5, 20, 33, 50, 71]] = [1.5, -1.0, 0.8, -0.6, 1.2]
system = LinearSystem(features, features @ coefficients)

pursuit = solve(L1Minimization(system, signed=True))
print(pursuit.status.value, "off by", f"{np.abs(pursuit.x - coefficients).max():.0e}")

# %% [markdown]
# `signed=True` asks for the $x$ of least $\|x\|_1$ among all solutions, of either sign: basis pursuit. It finds the
# five coefficients, and they are what the networks tend to as their start becomes small.
#
# ## Prediction and training
#
# The network has two vectors of weights, $u$ and $v$, which start from the same value $\alpha^{1/D}$, so that $x = 0$.
# Here is the training loop, in full, and beside it what `solve` says without training anything.


# %%
def train(depth, alpha, step=0.01, steps=20_000):
    """Gradient descent on ||A (u^D - v^D) - y||^2."""
    u = np.full(80, alpha ** (1 / depth))
    v = u.copy()
    for _ in range(steps):
        residual = features @ (u**depth - v**depth) - system.y
        slope = 2 * depth * (features.T @ residual)
        u, v = u - step * slope * u ** (depth - 1), v + step * slope * v ** (depth - 1)
    return u**depth - v**depth


print("depth   predicted - trained   predicted - sparse solution   (l1 distances)")
for depth in (2, 3, 4):
    predicted = solve(BregmanProjection(system, alpha=1e-2, depth=depth, signed=True))
    trained = train(depth, alpha=1e-2)
    print(f"{depth:5d} {np.abs(predicted.x - trained).sum():17.3f} {np.abs(predicted.x - coefficients).sum():22.3f}")

# %% [markdown]
# Each network arrives where it was said to arrive, up to its step size. And the deeper ones arrive closer to the sparse
# solution. Is that always so?
#
# ## Which depth?
#
# `compare_depths` solves for all depths at the same scales. Every entry of the table is from a certified answer; the
# lines below it are exact laws of $\alpha \to 0$, not fits.

# %%
comparison = compare_depths(system, alphas=10.0 ** -np.arange(13), signed=True)
print(comparison)

# %%
_ = comparison.plot()

# %% [markdown]
# Depth 2 errs like $\alpha^{1-\varrho}$, every larger depth like $\alpha$. The constant $\varrho$ belongs to the design
# and the support, and is what the best dual certificate leaves off the support:

# %%
analysis = analyze(system, signed=True)
print(f"rho = {analysis.rho.value:.4f}, rate of depth 2: {analysis.rate:.4f}")
for depth in (3, math.inf):
    print(f"rate of depth {depth}: {analyze(system, depth=depth, signed=True).rate:.4f}")

# %% [markdown]
# At depth 2 that rest goes into an exponent: $x_j \approx \alpha^{1 - |a_j^\top z|}$. Above, it goes into a factor,
# $x_j \approx \alpha\,(1 - |a_j^\top z|)^{-D/(D-2)}$. So the deeper network is the more accurate one from some $\alpha$
# on exactly where $\varrho > 0$. The laws say from where for certain: below the $\alpha$ where they cross. The errors
# themselves need not cross: in the table the deepest network is ahead throughout.
#
# The sign of $\varrho$ decides. Three systems with one equation and $x \ge 0$ show the three cases:

# %%
for a in (0.5, 0.0, -0.5):
    one = LinearSystem([[1.0, a]], [1.0])
    small = compare_depths(one, alphas=[1e-1, 1e-3, 1e-6], depths=[2, 3])
    print(f"A = [1, {a:g}], rho = {analyze(one).rho.value:g}")
    for depth, rate, errors in zip(small.depths, small.rates, small.errors, strict=True):
        print(f"  depth {depth:g}: rate {rate:g}, errors", "  ".join(f"{error:.2e}" for error in errors))

# %% [markdown]
# In the second system the rates are the same, here even the errors. In the last one the entry off the support is pushed
# down, $a_2^\top z < 0$, and depth 2 turns that into a higher power of $\alpha$. ($\varrho$ can only be negative where
# $x \ge 0$. With both signs it is a norm.)
#
# ### Just above depth 2
#
# If depth 3 is better than depth 2, what of depth 2.1? Its rate is 1, like that of all depths above 2. But its constant
# is huge, and the law sets in late:

# %%
pair = LinearSystem([[1.0, 0.5]], [1.0])
print("depth   constant   error / alpha at alpha = 1e-6, 1e-12, 1e-24, 1e-48")
for depth in (2.1, 2.5, 3, 4, math.inf):
    deep = analyze(pair, depth=depth)
    scales = [-decades * math.log(10) for decades in (6, 12, 24, 48)]
    ratios = [math.exp(deep.log_deviation(log_alpha=scale) - scale) for scale in scales]
    constant = math.exp(deep.log_leading_constants.total)
    print(f"{depth:5} {constant:10.3g}  ", "  ".join(f"{ratio:8.3g}" for ratio in ratios))

# %% [markdown]
# The relative distance to the law is of order $\alpha^{(D-2)/D}$. At depth 2.1 that is $\alpha^{0.048}$: a tenth is
# reached at $\alpha = 10^{-21}$.
#
# ## The infinitely deep network
#
# At infinite depth the projection is the point where $x_i\,(1 - a_i^\top z) = \alpha$ for every $i$: entry times slack
# is the same for all. That is the *central path* of the linear program $\min \sum x_i$, $Ax = y$, $x \ge 0$, which
# interior-point methods follow to its solution. The gap between primal and dual value is $\alpha$ times the number of
# unknowns, here 160 with both signs.

# %%
alpha = 1e-3
central = solve(BregmanProjection(system, alpha, depth=math.inf, signed=True))
z = alpha * central.dual
slack_plus, slack_minus = 1 - features.T @ z, 1 + features.T @ z
print(f"x_plus  * slack: {(central.x_plus * slack_plus).min():.9f} to {(central.x_plus * slack_plus).max():.9f}")
print(f"x_minus * slack: {(central.x_minus * slack_minus).min():.9f} to {(central.x_minus * slack_minus).max():.9f}")
print(f"gap: {(central.x_plus + central.x_minus).sum() - system.y @ z:.9f}")

# %% [markdown]
# So there is one family with the network of the paper at one end and the interior-point method at the other. What a
# finite depth keeps of the entropy can be seen in the small entries: how far they spread at $\alpha = 10^{-6}$.

# %%
off = np.setdiff1d(np.arange(80), analysis.support)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for depth in (2, 3, 4, math.inf):
    answer = solve(BregmanProjection(system, alpha=1e-6, depth=depth, signed=True))
    larger = np.maximum(answer.log_x_plus, answer.log_x_minus)[off]
    ax.plot(np.sort(larger) / math.log(10), label=f"depth {depth}")
ax.set(xlabel="entries off the support, sorted", ylabel=r"$\log_{10} \max(x^+, x^-)$")
_ = ax.legend()

# %% [markdown]
# At depth 2 they spread over powers of $\alpha$; above, all are $\alpha$ times a factor.
#
# ## One coefficient at a time
#
# What does training look like from a very small start? For most of the time nothing moves. Then one coefficient
# switches on, the loss drops to a new level, and the next long wait begins. In the clock of the network the waits grow
# like $\log(1/\alpha)$ at depth 2; in units of that, *slow time*, the switches tend to fixed places as $\alpha \to 0$.
# `gradient_flow` integrates the training in a dual vector that knows no underflow, so that $\alpha = 10^{-60}$ is an
# ordinary start.

# %%
flow = gradient_flow(system, 1e-60, signed=True)
print(f"{flow.status.value} after time {flow.times[-1]:.1e}")
print(flow.activations)

# %% [markdown]
# Some coefficients switch on and leave again. Until the first one leaves, the mean of $x$ over time is a point of the
# lasso path, $\min \tfrac12 \|Ax - y\|^2 + \text{penalty} \cdot \|x\|_1$, and the column `penalty` says which. So the
# order in which training finds the coefficients is that of the lasso, which scikit-learn computes in another way:

# %%
knots, order, _ = lars_path(features, system.y, method="lasso")
print(f"{'lasso':20}", ", ".join(f"{j} at {30 * knot:.2f}" for j, knot in zip(order[:6], knots, strict=False)))
for start in (1e-12, 1e-60, 1e-300):
    seen = gradient_flow(system, start, signed=True).activations[:6]
    print(f"training from {start:.0e}", ", ".join(f"{entry.coordinate} at {entry.penalty:.2f}" for entry in seen))

# %% [markdown]
# The smaller the start, the closer. At $10^{-12}$, a usual small number, waits are short, entries that nearly tie rise
# together, and the order is not that of the lasso; that is why so small an $\alpha$ is worth having.

# %% [markdown]
# The coefficients and the loss over slow time, up to half a unit. The flow itself ends far later, when every small
# entry has arrived as well; `flow.plot()` draws all of it.

# %%
slow = np.linspace(0.001, 0.5, 500)
x_plus, x_minus = np.split(np.exp(flow.log_x_at(slow * 60 * math.log(10))), 2, axis=1)
x = x_plus - x_minus

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
seen = flow.activations.coordinates
left.plot(slow, np.delete(x, seen, axis=1), color="0.7", linewidth=0.8)
for j in seen:
    left.plot(slow, x[:, j], label=str(j))
left.set(xlabel=r"$t / \log(1/\alpha)$", title="coefficients")
left.legend(fontsize="x-small", ncols=2)
right.plot(slow, ((x @ features.T - system.y) ** 2).sum(axis=1))
_ = right.set(xlabel=r"$t / \log(1/\alpha)$", title="loss")

# %% [markdown]
# Deeper networks do the same with longer waits, of order $\alpha^{-(D-2)/D}$: the price of their accuracy is paid in
# training time.

# %%
print("depth  alpha   order of activation                      last one at time")
for depth, alpha in ((2, 1e-12), (3, 1e-12), (4, 1e-12)):
    run = gradient_flow(system, alpha, depth=depth, signed=True)
    found = " ".join(str(entry.coordinate) for entry in run.activations)
    print(f"{depth:5d}  {alpha:.0e}   {found:40} {max(entry.time for entry in run.activations):.2e}")

# %% [markdown]
# ## What to take away
#
# - The end of training is known beforehand, at every depth and for both signs: `BregmanProjection(..., depth=,
#   signed=)`.
# - Where $\varrho > 0$ depth 3 and more end closer to the sparse solution than depth 2, linearly in $\alpha$; the law
#   of each depth is exact, and `compare_depths` says where the laws cross.
# - Depths just above 2 share the rate, and not the constant.
# - Infinite depth is the central path of a linear program.
# - From a small start coefficients switch on one at a time, at times that a fixed multiple of $\log(1/\alpha)$, or of
#   $\alpha^{-(D-2)/D}$, describes.
