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
# # A proof at alpha = 1e-1000
#
# A certificate is a computation in floating point. Its statement is about an answer that floating point cannot hold:
# at $\alpha = 10^{-1000}$ most entries of $x(\alpha)$ are smaller than the smallest float. This tutorial encloses each
# of them in a ball whose radius is proved, asks for a hundred digits, finds that $y$ itself and $y$ rounded have
# different projections, offers wrong answers, and checks a proof by other means.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
import warnings
from dataclasses import replace
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from mpmath import mp, mpf

from bregman_l1 import (
    BregmanProjection,
    InfeasibleError,
    LinearSystem,
    NotCertifiedWarning,
    analyze,
    certify,
    prove,
    solve,
)

log_alpha = -1000 * np.log(10)
support = {3: 1.0, 17: 2.0, 29: 0.5, 44: 1.5}


def sparse_system(A):
    """A with the right-hand side of four positive entries."""
    return LinearSystem(A, sum(size * A[:, j] for j, size in support.items()))


normal = np.random.default_rng(2025).standard_normal((20, 60))
A = np.round(normal * 1024) / 1024
problem = BregmanProjection(sparse_system(A), log_alpha=log_alpha)
problem.system

# %% [markdown]
# The entries of $A$ are rounded to multiples of 1/1024. Products and sums of so few bits are exact in floating point,
# so that $y$ is $A x_0$ and not only close to it. What happens otherwise comes further down.
#
# ## What the solvers say
#
# First three conic solvers, without the Newton steps that would mend their answers, then `newton`.

# %%
warnings.simplefilter("ignore", NotCertifiedWarning)
backends = ["ecos", "scs", "clarabel", "newton"]
claims = {name: solve(problem, name, polish=False) for name in backends}
rows = [(c.raw_status, c.status.value, np.isfinite(c.log_x).all()) for c in claims.values()]
pd.DataFrame(rows, index=backends, columns=["says", "is", "every entry positive"])

# %% [markdown]
# The projection is positive in every entry. What the conic solvers return off the support is noise around zero, much
# of it negative, and they call it optimal. `newton` works with $\log x$, and its answer is certified:

# %%
answer = solve(problem)
answer.certificate

# %% [markdown]
# The last line says that the next Newton step would change no $\log x$ by more than that. It is a measurement. The
# rounding of the measurement is estimated, and no part of it is a proved inequality.
#
# ## The proof

# %%
proof = prove(answer)
proof

# %% [markdown]
# Line by line:
#
# - **rows**: the twenty equations are independent, because a matrix of twenty columns has been inverted in ball
#   arithmetic, where each number is a midpoint and a radius and every operation rounds the radius up.
# - **support**: no entry is claimed to be zero, and so there is nothing to show.
# - **right-hand side**: the proof is for $y$, every float taken as the fraction that it is.
# - **existence**: Krawczyk's operator maps a small box of logarithms into its interior. Such a box contains a
#   solution of the optimality conditions. The projection is their only solution, so that it is in the box.
# - **answer**: every $\log x$ of `answer` is as close as this to the balls.
#
# Here is the smallest entry, as a float, as a logarithm with a radius, and as a ball:

# %%
smallest = int(np.argmin(answer.log_x))
mid, rad = proof.log_x.mid[smallest], proof.log_x.rad[smallest]
print(f"x as a float   {answer.x[smallest]}")
print(f"log x          {mid:.12f} with radius {rad:.0e}")
print(f"ball           {proof.ball(smallest).str(30, radius=False)}")
print(f"x              10 to the power {mid / np.log(10):.4f}")

# %% [markdown]
# The radius of the pair of floats is the rounding of its midpoint. The ball has the digits that the proof speaks of;
# more are to be had for the asking:

# %%
hundred = prove(answer, 100)
print(hundred.digits >= 100, hundred.bits)
digits = hundred.ball(smallest).str(100, radius=False)
print(digits[:56], digits[56:], sep="\n")

# %% [markdown]
# The scale is a float, too: the proof is for $\alpha = \exp$ of it, which is not exactly $10^{-1000}$.

# %%
with mp.workdps(30):
    print(mp.nstr(mp.exp(mpf(float(log_alpha))), 20))

# %% [markdown]
# ## Whose projection is it?
#
# Now the matrix as it was drawn, with all its bits. The sum of four columns is rounded, and $y$ is no longer in their
# span. Floating point need not care. A proof has to say which right-hand side it is for, and there are two that
# deserve it: $y$ itself, and a $y'$ nearby that is in the span.

# %%
drawn = BregmanProjection(sparse_system(normal), log_alpha=log_alpha)
itself, rounded = prove(drawn, for_="y"), prove(drawn, for_="rounded y")
for found in (itself, rounded):
    large, visible = (np.sum(found.log_x.mid > np.log(size)) for size in (1e-3, 1e-30))
    print(f"{'proved' if found.ok else 'NOT PROVED'} for {found.right_hand_side}:")
    print(f"    {large} entries above 1e-3, and {visible - large} of 1e-30 to 1e-3")

# %%
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
places = np.arange(1, 61)
for found, label, look in (
    (itself, "for y itself", {"marker": "s", "markersize": 6, "fillstyle": "none"}),
    (rounded, "for y', which is y rounded", {"marker": "o", "markersize": 3}),
):
    decades = np.sort(found.log_x.mid)[::-1] / np.log(10)
    axes.plot(places, decades, linestyle="none", label=label, **look)
axes.axhline(-324, color="0.5", linestyle=":", linewidth=1)
axes.text(60, -260, "smallest float", color="0.4", ha="right", va="bottom", fontsize=9)
axes.set(xlabel="entries, the largest first", ylabel=r"$\log_{10} x_j$")
_ = axes.legend()

# %% [markdown]
# Both are right. For $y'$ there are four entries, and the rest vanishes with $\alpha$. For $y$ itself there are
# twenty, as many as equations: four columns cannot make up for the rounding of $y$, so that sixteen more entries of
# its size do. They do not vanish with $\alpha$, and they change all the others. No one wants this projection; it is
# the one of the floats.
#
# `solve` returns the sparse one, and says in a remark that it rounded. A proof of it names the $y'$ in full, as $A_J
# u$ with columns $J$ and fractions $u$, so that anyone can form it and see how far it is from $y$:

# %%
target = rounded.right_hand_side
u = {int(j): a for j, a in zip(target.columns, target.values, strict=True) if a}
for j, value in u.items():
    print(f"u[{j}] = {value}")

differences = []
for row, right in zip(normal.tolist(), drawn.system.y.tolist(), strict=True):
    moved = sum(Fraction(row[j]) * value for j, value in u.items())
    differences.append(abs(moved - Fraction(right)))
print(f"{sum(map(bool, differences))} of 20 entries of y' are not those of y")
print(f"the furthest is off by {float(max(differences)):.0e}")

# %% [markdown]
# ## Answers that are wrong
#
# What is not true must not be proved. Here are six answers that are not the projection, what their certificate says,
# and the step at which a proof of them ends.

# %%
true = answer.log_x
off_support = ~np.isin(np.arange(60), list(support))
first = np.arange(60) == 0
neighbour = BregmanProjection(problem.system, log_alpha=0.999 * log_alpha)
answers = {
    "the first log x off by 1e-8": true + first * 1e-8,
    "half as much again off the support": true + off_support * np.log(1.5),
    "the projection for alpha = 1e-999": solve(neighbour).log_x,
    "the first entry zero": np.where(first, -np.inf, true),
    "the four entries alone": np.where(off_support, -np.inf, true),
    "what Clarabel returned": claims["clarabel"].log_x,
}
for what, log_x in answers.items():
    wrong = prove(replace(answer, log_x=log_x))
    print(what)
    print(f"    certificate: {', '.join(certify(problem, log_x=log_x).failed)}")
    print(f"    {wrong.steps[-1].name}: {wrong.steps[-1].meaning}")

# %% [markdown]
# The first is wrong in one entry, by one part in a hundred million. The tolerance is 1e-9 for $|\log x|$ up to 1000
# and in proportion beyond, which is why 1e-8 is counted as 3.6e-9 there.
#
# ## An entry that is zero
#
# Zeros have to be proved as well. Row 7 below says that three nonnegative numbers add up to zero; then multiples of
# other rows are added to it, and it no longer shows.


# %%
def with_forced_zeros(A):
    A = A.copy()
    A[7] = 0
    A[7, [5, 11, 23]] = [1, 0.5, 2]
    A[7] += 3 * A[0] - 2 * A[12]
    return BregmanProjection(sparse_system(A), log_alpha=log_alpha)


forced = with_forced_zeros(A)
vanishing = prove(forced)
vanishing

# %% [markdown]
# The zeros come with a vector of fractions $z$. No entry of $A^\top z$ is positive and $y^\top z$ is zero, so that $0
# = z^\top (y - A x) = -(A^\top z)^\top x$ leaves no room for an entry of $x$ at which $A^\top z$ is negative.

# %%
z = vanishing.support.exposing


def times_z(column):
    return sum(Fraction(a) * value for a, value in zip(column.tolist(), z, strict=True))


print("z:   ", {i: str(value) for i, value in enumerate(z) if value})
slack = [times_z(column) for column in forced.system.matrix.T]
print("A'z: ", {j: str(value) for j, value in enumerate(slack) if value})
print("y'z: ", times_z(forced.system.y))

# %% [markdown]
# These are the row that was hidden, times -1/2. With all the bits of the matrix as it was drawn there is no such
# vector: adding the rows rounds, and what was a zero is a number.

# %%
remaining = prove(with_forced_zeros(normal))
print(remaining.verdict)
for j in (5, 11, 23):
    print(f"log10 x[{j}] = {remaining.log_x.mid[j] / np.log(10):.0e}")

# %% [markdown]
# That is proved, too: it is the projection for these floats. A zero that is a zero only in exact arithmetic is to be
# given to the package exactly, with whole numbers or dyadic fractions, or to be left out as a column.

# %% [markdown]
# ## No solution at all
#
# Now the right-hand side of row 7 is one millionth too small. The three nonnegative numbers would have to add up to
# less than zero.

# %%
y = forced.system.y.copy()
y[7] -= 2.0**-20
impossible = LinearSystem(forced.system.matrix, y)
try:
    solve(BregmanProjection(impossible, log_alpha=log_alpha), proof=True)
except InfeasibleError as error:
    contradiction = error.proof
contradiction

# %% [markdown]
# Its Farkas vector $z$ has $A^\top z \le 0 < y^\top z$: for every $x \ge 0$ that is $z^\top A x \le 0 < z^\top y$.
# Here, too, it is the row that was hidden, times a negative number:

# %%
z = contradiction.farkas
print("z:   ", {i: float(value) for i, value in enumerate(z) if value})
print("A'z: ", {j: float(v) for j, v in enumerate(map(times_z, impossible.matrix.T)) if v})
print("y'z: ", times_z(impossible.y))

# %% [markdown]
# ## Which of two columns
#
# As $\alpha$ tends to zero the projection tends to the solution of smallest sum. A column that is another one times
# $1 - 2^{-46}$ makes it a matter of the last bits which of the two is used. In floating point that is a tie. (Entries
# are multiples of 1/64 here, for which the product has no rounding.)

# %%
coarse = np.round(normal * 64) / 64
nearly_the_same = coarse[:, 3] * (1 - 2.0**-46)
twins = LinearSystem(np.column_stack([coarse, nearly_the_same]), sparse_system(coarse).y)
read_as_tie, decided = analyze(twins), analyze(twins, proof=True)
print("in floating point: unique", read_as_tie.unique, read_as_tie.x_star[[3, 60]])
print("in rationals:      unique", decided.unique, decided.x_star[[3, 60]])
decided.proofs["limit"]

# %% [markdown]
# ## Checking a proof by other means
#
# A vector is the projection if $A x = y$ and $\log(x / \alpha) = A^\top \lambda$ for some $\lambda$. With 3000 digits
# both can be evaluated in plain arithmetic, here that of mpmath, at the midpoints of the balls. The first is solved
# for the twenty largest entries, and what is missing is compared with each of them.

# %%
with mp.workdps(3000):
    log_x = [mpf(mid.numerator) / mid.denominator for mid, _ in proof.balls]
    x = mp.matrix([mp.exp(value) for value in log_x])
    log_ratio = mp.matrix(log_x) - float(log_alpha)
    matrix, y = mp.matrix(A.tolist()), mp.matrix(problem.system.y.tolist())
    J = np.argsort(answer.log_x)[-20:].tolist()
    basis = mp.matrix(A[:, J].tolist())
    multiplier = mp.lu_solve(basis.T, mp.matrix([log_ratio[j] for j in J]))
    identity = mp.norm(matrix.T * multiplier - log_ratio, mp.inf)
    missed = mp.lu_solve(basis, matrix * x - y)
    feasibility = max(abs(missed[i] / x[j]) for i, j in enumerate(J))
    print("the least of the twenty:    ", mp.nstr(min(x[j] for j in J), 3))
    print("log(x / alpha) = A' lambda: ", identity < mpf(10) ** -34)
    print("A x = y:                    ", feasibility < mpf(10) ** -34)

# %% [markdown]
# That the equations hold to so many digits is checked here; that a solution is within the radius is what Krawczyk's
# operator adds.
#
# ## What depth costs
#
# Nothing is done differently at another depth. The logarithms are larger, and a few bits more hold them:

# %%
depths = [-14, -690, -2302, -1e5, -1e9]
proofs = [prove(BregmanProjection(problem.system, log_alpha=depth)) for depth in depths]
for depth, found in zip(depths, proofs, strict=True):
    least = found.log_x.mid.min()
    print(f"log alpha = {depth:<10g} {found.ok}, {found.bits} bits, smallest log x {least:.6g}")
print(f"each within a second: {all(found.seconds < 1 for found in proofs)}")

# %% [markdown]
# The documentation says what a proof costs for larger systems, what it covers, and what neither a certificate nor a
# proof does.
