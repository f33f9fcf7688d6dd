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
# # How fast does the bias set in?
#
# Train the network $x = u \odot u$ on $\|Ax - y\|^2$ by gradient flow from a small start, and it finds, among all
# nonnegative solutions of $Ax = y$, nearly the one of least $\ell^1$ norm. The point it reaches is a projection
# $x(\alpha)$, where $\alpha$ is the size of the start. As $\alpha \to 0$ it tends to the minimiser $x^*$.
#
# *Nearly* and *small* are the words of this tutorial. How small must $\alpha$ be? The theorem of Matt and Stoeger
# (2025) answers with a power: the distance to $x^*$ shrinks like $\alpha^{1-\varrho}$, and $\varrho$ can be computed.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np

from bregman_l1 import BregmanProjection, LinearSystem, analyze, solve


def measurements(noise=0.0, seed=3):
    """Twelve random measurements of a vector with three positive entries out of 36."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((12, 36))
    x = np.zeros(36)
    x[[4, 17, 29]] = 1.0, 2.0, 1.5
    return LinearSystem(A, A @ x + noise * rng.standard_normal(12))


system = measurements()
analysis = analyze(system)
print(analysis)

# %% [markdown]
# ## One page, line by line
#
# The *limit* is $x^*$; the program found its support $S$ - the three entries we planted - and proved that no other
# vector does as well. The *null-space constants* belong to $A$ and $S$ alone. The largest of
# $-\sum_{i \in S} n_i$ over kernel vectors $n$ that are nonnegative off $S$ and sum to one there is $\varrho$.
# Such a maximum is easy to believe, because it comes with two witnesses.
#
# The first is the vector that attains it.

# %%
n = analysis.rho.witness
off = np.setdiff1d(np.arange(36), analysis.support)
print(f"A n = 0 to within  {np.abs(system.matvec(n)).max():.1e}")
print(f"smallest n off S   {n[off].min():.1e}")
print(f"sum of n off S     {n[off].sum():.10f}")
print(f"minus the sum on S {-n[analysis.support].sum():.10f} = rho")

# %% [markdown]
# The second proves that nothing exceeds it: a vector $\mu$ with $a_i^\top \mu = 1$ on $S$. For every kernel vector
# $0 = \mu^\top A n$, so that $-\sum_S n_i = \sum_{j \notin S} (a_j^\top\mu)\, n_j \le \max_{j \notin S} a_j^\top\mu$.
# Here are the numbers $a_j^\top \mu$: one on the support, none of the others above $\varrho$.

# %%
reached = system.rmatvec(analysis.rho.dual)
figure, axes = plt.subplots(figsize=(8.5, 3), layout="constrained")
axes.stem(reached, basefmt=" ")
axes.plot(analysis.support, reached[analysis.support], "s", color="C1", label="on $S$")
axes.axhline(analysis.rho.value, color="k", linestyle=":", label=rf"$\varrho = {analysis.rho.value:.4f}$")
axes.set(xlabel="j", ylabel=r"$a_j^\top \mu$")
_ = figure.legend(loc="outside right upper")

# %% [markdown]
# The gap between one and $\varrho$ is what makes $x^*$ unique, and the same gap is the rate.
#
# ## From 1e-4 to 1e-300
#
# A power law is a statement about small $\alpha$. The path can be followed as far as one likes, because the library
# keeps logarithms. Beside the true distance stands $K \alpha^{1-\varrho}$ with the exact constant $K$, and the interval
# in which the distance is *proved* to lie, by duality, and with `rigorous=True` in ball arithmetic.

# %%
K = analysis.log_leading_constants.total
print(f"{'alpha':>7}  {'log distance':>16}  {'log K alpha^rate':>16}  {'proved log interval has width':>30}")
for power in (-2, -4, -8, -30, -300):
    log_alpha = power * np.log(10)
    truth = analysis.log_deviation(log_alpha=log_alpha)
    enclosure = analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=True)
    print(f"1e{power:<5}  {truth:16.9f}  {K + analysis.rate * log_alpha:16.9f}  {enclosure.log_width:30.1e}")

# %% [markdown]
# At $10^{-8}$ the power law is right to half a percent, at $10^{-30}$ to seven digits, and from there on to more than
# anyone needs. The interval that is proved is widest in between. For tiny $\alpha$ it needs nothing but $x^*$, and
# closes as the path comes near; for large $\alpha$ it leans on a dual vector of the projection itself.
#
# ## Every entry at its own speed
#
# The entries that vanish do not vanish alike. Some are pulled along by the leading ones, some die much faster. The
# exponents follow from a short sequence of linear programs; here they are, against the path at $\alpha = 10^{-300}$.

# %%
log_alpha = -300 * np.log(10)
log_x = solve(BregmanProjection(system, log_alpha=log_alpha)).log_x
figure, axes = plt.subplots(figsize=(8.5, 3.2), layout="constrained")
axes.plot(analysis.exponents, "o", markersize=8, mfc="none", label="from the theory")
axes.plot((log_x - analysis.log_coefficients) / log_alpha, "k.", label=r"from $x(10^{-300})$")
axes.axhline(analysis.rate, color="C1", linestyle=":", label=r"$1-\varrho$")
axes.set(xlabel="entry", ylabel="exponent")
figure.legend(loc="outside right upper")
worst = np.abs(log_x - analysis.log_coefficients - analysis.exponents * log_alpha).max()
print(f"largest disagreement in log x: {worst:.1e}")

# %% [markdown]
# ## Why noise makes it slow
#
# Add a little noise to $y$. No sparse vector explains it any more; the minimiser now needs as many entries as there
# are measurements, and the gap that made the rate almost closes.

# %%
noisy = analyze(measurements(noise=0.1))
for name, one in (("clean", analysis), ("noisy", noisy)):
    print(f"{name}: |S| = {one.support.size:>2}, rho = {one.rho.value:.4f}, distance ~ alpha^{one.rate:.4f}")

powers = np.linspace(-30, -1, 30)
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for (name, one), line in zip((("clean", analysis), ("noisy", noisy)), ("-", "--"), strict=True):
    distance = [one.log_deviation(log_alpha=power * np.log(10)) / np.log(10) for power in powers]
    axes.plot(powers, distance, line, label=f"{name}, rate {one.rate:.3f}")
axes.set(xlabel=r"$\log_{10} \alpha$", ylabel=r"$\log_{10} \|x(\alpha) - x^*\|_1$")
_ = axes.legend()

# %% [markdown]
# Read from right to left: both curves are straight in the end, and their slopes differ by a factor of three. A start
# of $10^{-6}$, small by any practical standard, comes within five hundredths of the $\ell^1$ minimiser on clean data,
# within two tenths on noisy data. Each further factor of ten in the distance costs less than three decades of $\alpha$
# on the one, nearly eight on the other.
#
# ## How small must I initialise?
#
# The question one has in practice, asked backwards: for a distance of $10^{-3}$, which $\alpha$? `alpha_for` answers
# twice - with an $\alpha$ that is guaranteed, and with the one at which the distance is exactly that.

# %%
for name, one in (("clean", analysis), ("noisy", noisy)):
    plan = one.alpha_for(1e-3)
    print(
        f"{name}: guaranteed for log10 alpha <= {plan.log_guaranteed / np.log(10):8.2f}, "
        f"true from {plan.log_exact / np.log(10):8.2f} on"
    )

# %% [markdown]
# On clean data a start of about $10^{-10}$ does it. On noisy data it takes $10^{-22}$, and a distance of $10^{-6}$
# takes another twenty-three decades: the bias is still there, but nobody initialises that small.
#
# ## What the theorem itself says
#
# Last, the picture of everything: the distance, the enclosure and the theorem's upper bound (II.3). Its lower bound
# (II.4) has two forms, which `analysis.plot_lower_bounds()` draws. That there are two is a story of its own: the next
# tutorial.

# %%
_ = analysis.plot()
