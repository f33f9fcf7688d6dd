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
# # An image from a fifth of its spectrum
#
# A radio interferometer does not take a picture. Each pair of its antennas measures one Fourier coefficient of the sky,
# and there are never enough pairs for all of them. If the sky consists of point sources, a fifth is enough: of all
# skies that fit, the one of least total brightness is the true one, and the answer comes with a proof of that.
#
# The image here has 512 x 512 pixels: 262,144 unknowns and 52,224 equations. As a matrix that would be 110 GB. None is
# made. Two functions, one for $Ax$ and one for $A^\top\lambda$, are all that `solve` is given, and all that the
# certificate uses.
#
# Install from a checkout with `pip install '.[tutorials]'`.

# %%
import math
import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm
from scipy.fft import irfft2, rfft2
from scipy.ndimage import maximum_filter
from scipy.sparse.linalg import LinearOperator, lsqr

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, NotCertifiedWarning, solve

# %% [markdown]
# ## The sky
#
# Half of the sources form a cluster, the others are spread over the field. Most are faint, a few are twenty times
# brighter.

# %%
n = 512
rng = np.random.default_rng(1)
distances = 0.6 * rng.gamma(2, 20, (1500, 1))
cluster = rng.standard_normal((1500, 2)) * distances + (220, 290)
places = np.round(np.vstack([cluster, rng.uniform(0, n, (1500, 2))])).astype(int) % n
sky = np.zeros((n, n))
np.add.at(sky, tuple(places.T), 1 / np.sqrt(rng.uniform(0.0025, 1.0, 3000)))

truth = sky.ravel()
sources = truth > 0
print(f"{sources.sum()} bright pixels of {truth.size}, from {truth[sources].min():.2f} to {truth.max():.1f}")

# %% [markdown]
# ## The measurement
#
# The image is real, so a coefficient and its mirror image are conjugate, and only half of the spectrum says something.
# We measure a fifth of that half, at random, without noise for now. Real and imaginary parts are equations of their
# own. The zero frequency, the total brightness, is left out: two antennas cannot stand in one place.
#
# The adjoint puts the measured coefficients back and transforms with zeros everywhere else. Nothing is easier to get
# wrong by a factor, so `LinearSystem` compares $\langle Ax, \lambda\rangle$ and $\langle x, A^\top\lambda\rangle$ for
# random vectors, and refuses an adjoint that does not match.

# %%
half = n * (n // 2 - 1)  # the columns of the spectrum that are no mirror image of themselves
measured = np.sort(rng.choice(half, half // 5, replace=False))
frequencies = measured // (n // 2 - 1), measured % (n // 2 - 1) + 1


def visibilities(x):
    """A x: real and imaginary parts of the measured coefficients, times sqrt(2) so that the rows are orthonormal."""
    spectrum = math.sqrt(2) * rfft2(x.reshape(n, n), norm="ortho")[frequencies]
    return np.concatenate([spectrum.real, spectrum.imag])


def image_of(parts):
    """A'lam: the inverse transform with zeros where nothing was measured."""
    spectrum = np.zeros((n, n // 2 + 1), dtype=complex)
    real, imaginary = np.split(np.ravel(parts), 2)
    spectrum[frequencies] = (real + 1j * imaginary) / math.sqrt(2)
    return irfft2(spectrum, s=(n, n), norm="ortho").ravel()


sampling = LinearOperator((2 * measured.size, n * n), matvec=visibilities, rmatvec=image_of, dtype=float)
y = visibilities(truth)
system = LinearSystem(sampling, y)
system

# %% [markdown]
# ## The answer
#
# It takes about 160 transforms, less than a second.

# %%
minimiser = solve(L1Minimization(system))
print(minimiser.status.value)
print(f"largest error of a pixel: {np.abs(minimiser.x - truth).max():.0e}")
print(f"its bright pixels are the sources: {np.array_equal(minimiser.x > 0, sources)}")


# %%
def show(axes, title, x, brightest=10):
    """An image, every source as wide as three pixels so that one sees it, and the middle of the cluster."""
    picture = x.reshape(n, n)
    norm = PowerNorm(0.5, 0, brightest)
    axes[0].imshow(maximum_filter(picture, 3), cmap="magma", norm=norm)
    axes[1].imshow(picture[200:264, 260:324], cmap="magma", norm=norm)
    axes[0].set_title(title)
    for ax in axes:
        ax.set(xticks=[], yticks=[])


share = system.shape[0] / system.shape[1]
figure, axes = plt.subplots(2, 3, figsize=(8, 5.4), layout="constrained")
show(axes[:, 0], "truth", truth)
show(axes[:, 1], "zeros for what is missing", image_of(y) / share)
show(axes[:, 2], "least total brightness", minimiser.x)

# %% [markdown]
# In the middle is what one gets without thought: the inverse transform with zeros for the missing coefficients, scaled
# so that a source has its brightness. Before it is scaled it fits the measurements exactly, too, as do infinitely many
# other images.
#
# ## Why it is the true one
#
# Two things single it out. A sky is nowhere negative, and this one is the darkest. Neither is enough alone here:
# without the zero frequency a constant may be added to any sky, and the measurements do not notice.

# %%
print(f"|A 1| = {np.abs(sampling @ np.ones(n * n)).max():.0e}")

# %% [markdown]
# That no other sky is as dark is proved by the multipliers $\mu$ of the answer. $A^\top\mu$ is an image of the measured
# frequencies alone; it is 1 on every source and less than 1 everywhere else. For any sky $x \ge 0$ that fits,
#
# $$\sum_i x_i \ge \sum_i (A^\top\mu)_i\, x_i = \mu^\top A x = \mu^\top y = \sum_i x^*_i,$$
#
# with equality only where $x$ lives on the sources, and there the equations leave no choice.

# %%
touching = sampling.T @ minimiser.dual
print(f"on the sources:    {touching[sources].min():.12f} to {touching[sources].max():.12f}")
print(f"everywhere else: at most {touching[~sources].max():.3f}")
print()
print(minimiser.certificate)

# %%
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.hist(touching[~sources], bins=150, log=True, label="empty pixels")
ax.axvline(1, color="C1", label="sources, all at 1")
ax.set(xlabel=r"$A^\top\mu$", ylabel="pixels")
_ = ax.legend(loc="upper left")

# %% [markdown]
# The random choice of frequencies is what makes such a $\mu$ likely. Here are 19 equations for each source. With
# frequencies on a regular grid the sky would overlap with copies of itself, and no number of equations would help.
#
# ## From a small start
#
# Gradient descent on $x = u^2$ does not know of brightness, and finds the same sky, from a small start $\alpha$. Where
# it ends is again a convex problem, and takes transforms alone: 400 of them for the first $\alpha$, 900 for the second.

# %%
print("alpha   status      distance to the sky, relative l1")
gaps = {}
for alpha in (1e-2, 1e-4):
    projection = solve(BregmanProjection(system, alpha))
    gaps[alpha] = np.abs(projection.x - truth).sum() / truth.sum()
    print(f"{alpha:.0e}   {projection.status.value:11} {gaps[alpha]:.2e}")
print(f"so from 1e-2 to 1e-4 like alpha^{math.log10(gaps[1e-2] / gaps[1e-4]) / 2:.2f}")

# %% [markdown]
# The bright pixels are there early; what is left is a haze over the empty ones. How fast it vanishes is again read off
# multipliers: any $\mu$ with $A^\top\mu = 1$ on the sources and at most $\varrho$ elsewhere promises
# $\alpha^{1 - \varrho}$ in the end. The one above promises little, those of the projections more, and since most pixels
# lie far below $\varrho$, the haze falls faster than that at first.

# %%
tilted = sampling.T @ projection.dual / math.log(1 / alpha)
print(f"on the sources {tilted[sources].min():.3f} or more, everywhere else {tilted[~sources].max():.3f} or less")

# %% [markdown]
# ## What noise does
#
# Now every number is off by a normal error of 0.05, a sixth of what they typically are.

# %%
noise = 0.05
noisy = y + noise * rng.standard_normal(y.size)
noisy_system = LinearSystem(sampling, noisy)
print(f"typical size of a measurement {np.std(y):.2f}, of its error {noise}\n")

print("alpha   status      pixels above 0.3   above 0.01   total brightness, relative")
for alpha in (1e-2, 1e-4):
    exact = solve(BregmanProjection(noisy_system, alpha))
    bright = (exact.x > 0.3).sum(), (exact.x > 0.01).sum()
    print(f"{alpha:.0e}   {exact.status.value:11} {bright[0]:16d} {bright[1]:12d} {exact.x.sum() / truth.sum():17.2f}")

# %% [markdown]
# Certified, and not the sky. The certificate says that these are the projections for these numbers, noise included, and
# so they are: the fit is exact. But no sky of 2,734 sources fits numbers with errors in them. The best of them, the l1
# minimiser, needs as many bright pixels as there are equations, 52,224. Products alone do not find so many that nearly
# depend on each other, and the certificate does not pretend they had:

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore", NotCertifiedWarning)
    darkest = solve(L1Minimization(noisy_system), max_iter=1000)
print(f"{darkest.status.value}; failed: {', '.join(darkest.certificate.failed)}")

# %% [markdown]
# More transforms, or a smaller $\alpha$, would only follow the noise more closely. What is needed is no better solver
# but a better question.
#
# ### Room for the errors
#
# Give every equation its error, as two more unknowns: $Ax + r(u - v) = y$. Let $u$ and $v$ start from the same large
# $\beta$. That close to its start relative entropy is a square, and what $e = r(u - v)$ costs is $e^2 / 2\tau^2$ with
# $\tau^2 = 2\beta r^2$, as for a normal error. A pixel costs $\log(1/\alpha)$ times its brightness, nearly. So together
# the projection nearly minimises
#
# $$\tfrac12 \|Ax - y\|^2 + \tau^2 \log(1/\alpha) \sum_i x_i,$$
#
# the nonnegative lasso. Its penalty should be just above what noise alone can do to a pixel of $A^\top e$. Those are
# $d$ normal numbers of variance $\sigma^2 N/d$, where $N/d$ is the share of the spectrum that was measured, and the
# largest is about $\sigma \sqrt{2 (N/d) \log d}$.

# %%
N, d = system.shape
beta = 100.0
penalty = noise * math.sqrt(2 * share * math.log(d))
r = math.sqrt(penalty / math.log(1e4) / (2 * beta))


def fitted(unknowns):
    x, u, v = np.split(np.ravel(unknowns), [d, d + N])
    return visibilities(x) + r * (u - v)


def fitted_adjoint(parts):
    parts = np.ravel(parts)
    return np.concatenate([image_of(parts), r * parts, -r * parts])


with_errors = LinearOperator((N, d + 2 * N), matvec=fitted, rmatvec=fitted_adjoint, dtype=float)
room = solve(
    BregmanProjection(
        LinearSystem(with_errors, noisy),
        alpha=1e-4,
        cost=np.repeat([1.0, 0.0], [d, 2 * N]),
        prior=np.repeat([1.0, beta], [d, 2 * N]),
    )
)
image = room.x[:d]
found = image > 0.3
print(room.status.value)
print(f"pixels above 0.3: {found.sum()}, of them sources: {(found & sources).sum()}")
print(f"error given to an equation: {np.std(visibilities(image) - noisy):.3f}")

# %% [markdown]
# The sources are found, and nothing else. The few that are missing are among the faintest. What is left is the bias of
# every lasso: each source is too faint, by about the penalty over $N/d$. It goes when the sources that were found are
# fitted once more, without a penalty.

# %%
pixels = np.flatnonzero(found)


def of_sources(brightness):
    x = np.zeros(d)
    x[pixels] = np.ravel(brightness)
    return visibilities(x)


fit = LinearOperator((N, pixels.size), matvec=of_sources, rmatvec=lambda parts: image_of(parts)[pixels], dtype=float)
refitted = np.zeros(d)
refitted[pixels] = lsqr(fit, noisy, atol=1e-10, btol=1e-10)[0]

print("                    sources found            distance to the sky,")
print("                    bias    standard error   relative l1")
for name, x in (("exact fit", exact.x), ("room for errors", image), ("refitted", refitted)):
    errors = (x - truth)[sources & found]
    distance = np.abs(x - truth).sum() / truth.sum()
    print(f"{name:18} {np.mean(errors):6.2f} {np.std(errors):13.2f} {distance:19.2f}")

# %%
figure, axes = plt.subplots(2, 3, figsize=(8, 5.4), layout="constrained")
show(axes[:, 0], "truth", truth)
show(axes[:, 1], "exact fit to noisy data", exact.x)
show(axes[:, 2], "room for errors, refitted", refitted)

# %% [markdown]
# The error of a source is now nearly what it has to be, the noise divided by $\sqrt{N/d}$:

# %%
print(f"{noise / math.sqrt(share):.2f}")

# %% [markdown]
# ## What to take away
#
# - An operator and its adjoint are a `LinearSystem`; nothing is ever stored that is larger than an image.
# - Nonnegative sources at a few percent of the pixels come back exactly from a random fifth of the spectrum, and the
#   multipliers prove for this very sky that no other one is as dark.
# - A certificate speaks of the numbers it was given. Where they have errors, the errors belong into the problem as
#   unknowns of their own.
