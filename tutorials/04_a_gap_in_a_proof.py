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
# # A gap in a proof
#
# A theorem that can be computed can be tested. Theorem II.2 of Matt and Stoeger (2025) bounds the distance between
# the projection $x(\alpha)$ and the $\ell^1$ minimiser $x^*$ from above (II.3) and the largest entry of $x(\alpha)$
# off the support from below (II.4). The upper bound passes every test. The lower bound, as printed, does not. This
# tutorial shows a system where it fails, proves the failure with whole numbers only, finds the step that went wrong,
# and repairs it.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

from bregman_l1 import LinearSystem, analyze

# %% [markdown]
# ## A system of two equations
#
# Three unknowns, $x_1 + 5 x_3 = 1$ and $x_2 - \tfrac92 x_3 = 1$. The minimiser is $(1, 1, 0)$; one kernel direction
# leads away from it, $(-5, \tfrac92, 1)$.

# %%
analysis = analyze(LinearSystem([[1, 0, 5], [0, 1, -9 / 2]], [1, 1]))
print(analysis.page(log_alphas=np.log([1e-3, 1e-4, 1e-6, 1e-8])))

# %% [markdown]
# Look at the constants: $\varrho = 1/2$ but $\tilde\varrho = 19/2$. The two entries on the support move a lot, in
# opposite directions, and nearly cancel in $\varrho$. Divide everything by $\alpha^{1-\varrho}$ and compare.

# %%
print(f"{'alpha':>6}  {'printed (II.4)':>15}  {'true ratio':>11}  {'corrected':>10}")
for alpha in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8):
    scale = alpha**analysis.rate
    truth = np.exp(analysis.log_largest_off_support(alpha)) / scale
    printed = analysis.lower_bound(alpha, form="printed") / scale
    corrected = analysis.lower_bound(alpha) / scale
    verdict = "FAILS" if printed > truth else "holds"
    print(f"{alpha:6.0e}  {printed:15.9f}  {truth:11.9f}  {corrected:10.6f}  printed bound {verdict}")

# %% [markdown]
# From $10^{-4}$ on the printed lower bound lies *above* the number it is meant to bound from below.
#
# ## No rounding to blame
#
# Could it be an artefact of floating point? Here is a smaller system in which everything is a fraction:
# $A = \begin{pmatrix}1&0&3\\0&1&-3\end{pmatrix}$, $y = (1, 1)$. Then $\varrho = 0$, $\tilde\varrho = 6$, and a
# feasible point is fixed by its third entry $x$: it is $(1 - 3x,\ 1 + 3x,\ x)$. It is the projection of
# $\alpha \cdot (1, 1, 1)$ exactly if the optimality condition holds, $(x_1/\alpha)^{3} (x_2/\alpha)^{-3} = x/\alpha$,
# that is $\alpha\,(1-3x)^3 = x\,(1+3x)^3$. So choose a rational $x$, *define* $\alpha$ by this equation, and it is
# rational too.

# %%
x = Fraction(1, 400)
alpha = x * ((1 + 3 * x) / (1 - 3 * x)) ** 3
C = 2 * (1 + 6) * 1
printed = 1 - C * alpha
true = x / alpha
print(f"alpha        = {alpha}")
print(f"true ratio   = {true} = {float(true):.10f}")
print(f"printed says   {printed} = {float(printed):.10f}")
print(f"admissible     {C * alpha <= 1}")
print(f"printed bound exceeds the truth: {printed > true}")

# %% [markdown]
# All integers, no solver, no rounding. The bound is false.
#
# ## Where the proof loses a factor
#
# The lower bound starts from the optimality condition along a kernel vector $m$ that attains $\varrho$. Replacing
# $x(\alpha)_S$ by $x^*_S$ in it costs at most
# $$ 2\, \frac{\|m_S\|_1\, \|n_S\|_\infty}{\min x^*_S} \le \|m_S\|_1\, C\, \varepsilon^{1-\varrho}. $$
# Then everything is divided by $\|m_{S^c}\|_1$ - and in (III.11) the error appears as $C \varepsilon^{1-\varrho}$,
# as if $\|m_S\|_1 \le \|m_{S^c}\|_1$. But that ratio is bounded by $\tilde\varrho$ only, and $\tilde\varrho$ can be
# anything.
#
# Because the proof is generous elsewhere, the printed bound survives as long as $\tilde\varrho \le 1 + \sqrt 3$. The
# family $A = (1, -M)$, $y = 1$, which has $\tilde\varrho = M$, shows that this is the exact limit:

# %%
multiples = np.linspace(2.2, 3.4, 25)
excess = []
for M in multiples:
    one = analyze(LinearSystem([[1.0, -M]], [1.0]))
    log_alpha = -9.0 / one.rate
    truth = one.log_largest_off_support(log_alpha=log_alpha)
    excess.append(one.log_lower_bound(log_alpha=log_alpha, form="printed") - truth)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(multiples, np.array(excess) * 1e4, "o-", markersize=3)
axes.axhline(0, color="k", linewidth=0.8)
axes.axvline(1 + np.sqrt(3), color="C1", linestyle=":", label=r"$1 + \sqrt{3}$")
axes.set(xlabel=r"$\tilde\varrho = M$", ylabel=r"log(printed / true) $\times 10^4$")
_ = axes.legend()

# %% [markdown]
# Above the line the printed bound is wrong.
#
# ## The repair
#
# Keep the factor, and bound $|\log(1 + v)|$ by $-\log(1 - |v|)$ instead of by $2|v|$. With
# $g = \tilde\varrho\, |S^c|\, \kappa^{\varrho^-} \varepsilon^{1-\varrho} < 1$ this gives
# $$
# \|x(\alpha)_{S^c}\|_\infty \ge
# \alpha^{1-\varrho}\, \|x^*\|_\infty^{\varrho}\, \kappa^{-\varrho^-} (1 - g)^{\tilde\varrho},
# $$
# and everything the paper concludes from its lower bound - that the rate $\alpha^{1-\varrho}$ is the true one - stands.
# Here are truth, printed and corrected bound, relative to the exact limit:

# %%
_ = analysis.plot_lower_bounds(log_alphas=np.linspace(-22, -3, 40))

# %% [markdown]
# ## Sharper than any of them
#
# The theorem trades sharpness for a formula. If one is willing to solve one small convex problem for each $\alpha$,
# upper and lower bound can be made to meet. For our first system, in logarithms of $\|x(\alpha)_{S^c}\|_1$:

# %%
print(f"{'alpha':>6}  {'lower':>15}  {'truth':>15}  {'upper':>15}")
for alpha in (1e-4, 1e-8, 1e-16, 1e-30):
    enclosure = analysis.enclosure(alpha, rigorous=True)
    truth = analysis.log_largest_off_support(alpha)
    print(f"{alpha:6.0e}  {enclosure.log_lower:15.10f}  {truth:15.10f}  {enclosure.log_upper:15.10f}")

# %% [markdown]
# Both ends are proved, by weak duality: any dual point bounds from above, any feasible point from below, so that the
# solver behind them need not be trusted, nor, with `rigorous=True`, the rounding of floating point.
