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
# # A first projection: a digit from half its measurements
#
# A photograph of a handwritten digit has 8 x 8 = 64 pixels, most of them black. We measure it 32 times -
# each measurement a random combination of all pixels - and throw the photograph away. Half the numbers are
# missing: infinitely many images explain the 32 that are left. This tutorial picks one of them, the *entropy
# Bregman projection*, sees that it is the digit, and reads the certificate that says how far to trust it.
#
# Install with `pip install 'bregman_l1[tutorials]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, certify, projection_path, solve

truth = load_digits().data[1626]
print(f"{np.count_nonzero(truth)} of {truth.size} pixels are lit")


def show(images, titles):
    figure, axes = plt.subplots(1, len(images), figsize=(2.4 * len(images), 2.6))
    for axis, image, title in zip(axes, images, titles, strict=True):
        axis.imshow(np.asarray(image).reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
    figure.tight_layout()


# %% [markdown]
# ## Measuring
#
# The measurements are `y = A x` with a Gaussian matrix of 32 rows. `LinearSystem` checks both once - shapes,
# finite entries - and keeps a copy that nobody can change.

# %%
A = np.random.default_rng(1626).standard_normal((32, 64)) / np.sqrt(32)
system = LinearSystem(A, A @ truth)
system

# %% [markdown]
# Least squares would spread the image over all pixels, and make some of them darker than black. We know two
# things more: pixels are nonnegative, and few are lit.
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

# %%
for alpha, answer in zip(alphas, answers, strict=True):
    print(f"alpha = {alpha:<6g} {answer.status.value}: furthest pixel is off by {np.abs(answer.x - truth).max():.2e}")

# %% [markdown]
# ## Reading the certificate
#
# Every answer carries the evidence for it.

# %%
print(answers[-1].certificate)

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
# `certify` takes a vector from anywhere. Here is one that explains all the measurements to rounding, with
# wrong small entries:

# %%
problem = BregmanProjection(system, alpha=1e-30)
tampered = answers[-1].x.copy()
tampered[truth == 0] *= 1.5
print(certify(problem, x=tampered))

# %% [markdown]
# ## Where it leads
#
# As `alpha` tends to zero the projection tends to the nonnegative image of smallest sum that explains the
# measurements, the l1 minimiser - and that is the digit. The certificate proves more: there is no other.

# %%
minimiser = solve(L1Minimization(system))
print(minimiser.certificate)
print(f"\nfurthest pixel is off by {np.abs(minimiser.x - truth).max():.1e}")

# %% [markdown]
# How fast? `projection_path` walks through many scales in one go. Below `alpha = 1e-300` nothing fits in a
# floating-point number any more, so scales go in, and distances come out, as logarithms. On doubly logarithmic
# axes the distance is a straight line; its slope is the paper's exponent $1 - \varrho$.

# %%
path = projection_path(system, np.linspace(0, -4000, 60))
path.plot()

# %% [markdown]
# Next: [which solver can you trust](02_which_solver_can_you_trust.ipynb) when `alpha` is small?
