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
# # A first projection: a digit from 52 numbers
#
# A photograph of a handwritten digit has 8 x 8 = 64 pixels. We measure it 52 times - each measurement a random
# combination of all pixels - and throw the photograph away. Infinitely many images explain the 52 numbers that are
# left. This tutorial picks one of them, the *entropy Bregman projection*, sees that it is close to the digit, follows
# it until it is the digit, reads the certificate that says how far to trust it, and asks at the end how many
# measurements are needed.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linprog
from sklearn.datasets import load_digits

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, certify, projection_path, solve

digits = load_digits().data
lit = np.count_nonzero(digits, axis=1)
truth = digits[3]
print(f"{len(digits)} digits; half of them have at most {np.median(lit):.0f} lit pixels, and so has this one: {lit[3]}")


def show(images, titles):
    _, axes = plt.subplots(1, len(images), figsize=(1.55 * len(images), 1.9), layout="constrained")
    for axis, image, title in zip(axes, images, titles, strict=True):
        axis.imshow(np.reshape(image, (8, 8)), cmap="gray", vmin=0, vmax=16)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()


# %% [markdown]
# ## Measuring
#
# The measurements are `y = A x` with a Gaussian matrix of 52 rows. `LinearSystem` checks both once - shapes,
# finite entries - and keeps a copy that nobody can change.

# %%
A = np.random.default_rng(2025).standard_normal((52, 64)) / np.sqrt(52)
system = LinearSystem(A, A @ truth)
system

# %% [markdown]
# Least squares would spread the image over all pixels, and make some of them darker than black. We know two
# things more: pixels are nonnegative, and half of them are black.
#
# ## Projecting
#
# Among all nonnegative images that explain the measurements, the Bregman projection at scale `alpha` is the
# one closest to a uniformly grey image of brightness `alpha`, closeness measured by the entropy
#
# $$x(\alpha) = \arg\min_{x \ge 0,\ Ax = y} \ \sum_i x_i \log\frac{x_i}{\alpha} - x_i + \alpha .$$
#
# It is also where gradient descent ends when it trains the two-layer network $x = u \odot u$ from a small
# start: the smaller `alpha`, the sparser the image the network prefers.

# %%
alphas = [1.0, 1e-2, 1e-8, 1e-30]
answers = [solve(BregmanProjection(system, alpha=alpha)) for alpha in alphas]
least_squares = np.linalg.pinv(A) @ system.y
show(
    [truth, least_squares, *(answer.x for answer in answers)],
    ["the photograph", "least squares", *(f"alpha = {alpha:g}" for alpha in alphas)],
)

# %% [markdown]
# White is 16, black is zero and everything below. The eye sees no difference any more from `alpha = 0.01` on; the
# numbers do:

# %%
print(f"{'least squares':<15}            furthest pixel is off by {np.abs(least_squares - truth).max():.1e}")
for alpha, answer in zip(alphas, answers, strict=True):
    print(f"alpha = {alpha:<7g} {answer.status.value}: furthest pixel is off by {np.abs(answer.x - truth).max():.1e}")

# %% [markdown]
# ## Reading the certificate
#
# Every answer carries the evidence for it.

# %%
answers[-1].certificate

# %% [markdown]
# Line by line:
#
# - **primal feasibility**: the image explains the measurements and has no negative pixel. Necessary, and
#   nearly worthless on its own: the small entries may all be wrong while this one looks perfect.
# - **positivity**: the projection is positive wherever *any* solution can be. Not a single pixel is on the
#   wrong side.
# - **KKT identity**: $\log(x/\alpha)$ is orthogonal to the kernel of $A$. This is the optimality condition, and
#   it is measured in logarithms, so that a pixel of size 1e-30 counts as much as one of size 16.
# - **duality gap**: the value of the problem and the value of its dual agree.
# - **deviation**: one further Newton step would change no entry by more than this share. That is the relative
#   error of $x(\alpha) - x^*$, the quantity the theory of implicit regularisation is about.
#
# `certify` takes a vector from anywhere, as `x` or, where entries are too small for that, as `log_x`. Here is one that
# explains all the measurements to rounding, with wrong small entries:

# %%
problem = BregmanProjection(system, alpha=1e-30)
tampered = answers[-1].log_x + np.where(truth == 0, np.log(1.5), 0.0)
certify(problem, log_x=tampered)

# %% [markdown]
# ## Where it leads
#
# As `alpha` tends to zero the projection tends to the nonnegative image of smallest sum that explains the
# measurements, the l1 minimiser - and that is the digit. The certificate proves more: there is no other.

# %%
minimiser = solve(L1Minimization(system))
print(f"furthest pixel is off by {np.abs(minimiser.x - truth).max():.1e}")
minimiser.certificate

# %% [markdown]
# How fast? `projection_path` walks through many scales in one go. Below `alpha = 1e-300` nothing fits in a
# floating-point number any more, so scales go in, and distances come out, as logarithms. On doubly logarithmic
# axes the distance is a straight line; its slope is the paper's exponent $1 - \varrho$.

# %%
path = projection_path(system, log_alphas=np.linspace(0, -4000, 60))
_ = path.plot()

# %% [markdown]
# ## How many measurements does it take?
#
# Fifty-two was not chosen at random. Here are 30 other digits at every number of measurements, with a new matrix each
# time, and two questions. Is the l1 minimiser the digit? And is the digit the *only* nonnegative image that explains
# its measurements, so that there is nothing left to choose? It is, unless some direction of the kernel of $A$ brings
# light to black pixels without making any of them darker: a linear program knows.


# %%
def no_direction_leads_away(A, image):
    black = image == 0
    bounds = [(0, None) if dark else (None, None) for dark in black]
    some_light = np.append(np.zeros(len(A)), 1)
    return linprog(np.zeros(64), A_eq=np.vstack([A, black]), b_eq=some_light, bounds=bounds).status == 2  # infeasible


rng = np.random.default_rng(1)
counts = np.arange(32, 61, 4)
recovered, only = np.zeros(len(counts)), np.zeros(len(counts))
for k, N in enumerate(counts):
    for image in rng.choice(digits, 30, replace=False):
        A = rng.standard_normal((N, 64)) / np.sqrt(N)
        recovered[k] += np.allclose(solve(L1Minimization(LinearSystem(A, A @ image))).x, image, atol=1e-6)
        only[k] += no_direction_leads_away(A, image)

figure, axes = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
axes.plot(counts, recovered / 30, "o-", label="the l1 minimiser is the digit")
axes.plot(counts, only / 30, "s--", label="the digit is the only nonnegative solution")
axes.axvline(52, color="0.6", linestyle=":", label="this tutorial")
axes.set(xlabel="measurements N of 64 pixels", ylabel="share of 30 digits", xticks=counts)
_ = axes.legend(fontsize=9)

# %% [markdown]
# With half as many measurements as pixels the digits are not sparse enough: 33 lit pixels are more than 32 numbers
# can fix. From about 50 measurements on nearly all are recovered. Part of that is nonnegativity alone, which leaves no
# choice for most digits at 52; ours is one of those where the choice matters.
#
# Next: [which solver can you trust](02_which_solver_can_you_trust.ipynb) when `alpha` is small?
