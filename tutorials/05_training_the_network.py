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
# # Training the network, and knowing the result beforehand
#
# A *diagonal linear network* is about the smallest network there is: it predicts $y \approx A x$ with
# $x = u \odot u$, and it is the weights $u$ that are trained. There are more weights than equations, so
# infinitely many weights fit the data perfectly. Which of them does training find?
#
# Gradient descent has an opinion, although nobody asked it for one. Started at the small vector
# $u_0 = \sqrt\alpha\,(1, \dots, 1)$ it ends, up to its step size, at the *Bregman projection* $x(\alpha)$
# of $x_0 = \alpha\,(1, \dots, 1)$ onto the solutions of $Ax = y$; and that is a convex problem which
# `solve` answers without training anything.
#
# In this tutorial you write an ordinary training loop in PyTorch and watch it arrive at a vector that was
# printed before the first step. Then you change the optimiser, and it does not arrive any more.
#
# PyTorch comes with `pip install '.[tutorials]'` from a checkout. The network here has twelve weights: the CPU
# build is all it takes, and on Linux it is the smaller download,
#
# ```
# pip install torch --index-url https://download.pytorch.org/whl/cpu
# ```

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from bregman_l1 import BregmanProjection, LinearSystem, solve
from bregman_l1.flow import compare_flow, gradient_descent, gradient_flow

# %% [markdown]
# ## The data
#
# Six measurements of twelve unknowns, made from a vector with two nonzero entries.

# %%
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

rng = np.random.default_rng(16)
A = rng.standard_normal((6, 12)) / np.sqrt(6)
x0 = np.zeros(12)
x0[[2, 7]] = [1.0, 0.6]
y = A @ x0
system = LinearSystem(A, y)

# %% [markdown]
# ## The prediction
#
# We will start from $\alpha = 10^{-2}$. Here is the answer, before any training. It is certified: not a
# solver's opinion, but a vector whose optimality conditions have been checked.

# %%
alpha = 1e-2
predicted = solve(BregmanProjection(system, alpha))
print(predicted.status.value)
for j, entry in enumerate(predicted.x):
    print(f"x[{j}] = {entry:.6f}")

# %% [markdown]
# Entries 2 and 7 stand out, as they should, and the others are small without being zero: that is what a
# finite $\alpha$ costs. With a smaller $\alpha$ they shrink, and training takes longer.

# %% [markdown]
# ## The training loop
#
# Nothing special about it: a sum of squares, `backward`, `step`.


# %%
def train(make_optimiser, steps, alpha=alpha):
    """Train u from sqrt(alpha) * 1; return the loss and the distance to the prediction after each step."""
    features, target = torch.from_numpy(A), torch.from_numpy(y)
    u = torch.full((12,), alpha**0.5, requires_grad=True)
    optimiser = make_optimiser([u])
    losses, xs = [], []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = ((features @ (u * u) - target) ** 2).sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        xs.append((u * u).detach().numpy().copy())
    return np.array(losses), np.array(xs)


def distances(xs):
    return np.abs(xs - predicted.x).sum(axis=1)


# %% [markdown]
# How large may the step be? Near the end the loss has curvature $8\lambda_{\max}(A X A^\top)$ in $u$, and
# gradient descent is stable below $1 / (4 \lambda_{\max})$. The library knows that number, and keeps a
# safe distance from it when it chooses a step itself.

# %%
own = gradient_descent(system, alpha)
print(f"{own.status.value}: step size {own.step_size:.4f}, stable below {own.largest_stable_step:.4f}")

# %%
sgd_losses, sgd_xs = train(lambda weights: torch.optim.SGD(weights, lr=own.step_size), steps=8000)
print("entry  predicted  trained")
for j in range(12):
    print(f"{j:>5}  {predicted.x[j]:9.4f}  {sgd_xs[-1][j]:7.4f}")
print(f"l1 distance {distances(sgd_xs)[-1]:.5f}")

# %% [markdown]
# The network has learned the vector we printed, up to less than one percent. What is left is not bad luck but
# the step size: theory speaks of infinitely small steps. Halve the step and the distance halves, as long
# as training is given twice the iterations.

# %%
_, half_xs = train(lambda weights: torch.optim.SGD(weights, lr=own.step_size / 2), steps=16000)
for step_size, xs in ((own.step_size, sgd_xs), (own.step_size / 2, half_xs)):
    print(f"step {step_size:.4f}: distance to the prediction {distances(xs)[-1]:.5f}")

# %% [markdown]
# ## Infinitely small steps
#
# `gradient_flow` takes the limit: it integrates the differential equation behind the loop, not in the
# weights but in a dual vector of as many entries as there are measurements, where no alpha is too small.

# %%
flow = gradient_flow(system, alpha)
print(f"{flow.status.value}: ||x - x(alpha)||_1 is {flow.distance:.0e} of {predicted.x.sum():.4f} at the end")
_ = flow.plot()

# %% [markdown]
# On the left each entry starts at $\alpha$; the two that matter rise one after the other, and dotted
# lines mark the prediction. On the right is the point that is easily missed: **the loss vanishes before
# $x$ arrives.** Both times are in the result.

# %%
print(f"loss below tolerance at time {flow.time_to_fit:.1f}, x at the projection at time {flow.time_to_projection:.1f}")

# %% [markdown]
# The gap widens quickly as $\alpha$ becomes smaller, since some directions are driven by the small entries
# alone. A training loop stopped because "the loss is zero" may be far from where it was going.

# %%
for small in (1e-2, 1e-4, 1e-8):
    run = gradient_flow(system, small)
    print(f"alpha {small:.0e}: fitted at {run.time_to_fit:.2e}, arrived at {run.time_to_projection:.2e}")

# %% [markdown]
# ## Flow, descent and projection over alpha
#
# As $\alpha \to 0$ all of them tend to the nonnegative vector of least sum among the solutions, here the
# `x0` we started from, at the rate $\alpha^{1 - \varrho}$ that the theory computes from $A$ and the support.
# Descent ends beside the projection by its step size, and would need more and more iterations for smaller $\alpha$;
# where it needs more than it was given, the library warns and says so in the table.

# %%
comparison = compare_flow(system, alphas=[1e-1, 1e-2, 1e-3])
print(comparison)
_ = comparison.plot()

# %% [markdown]
# ## Other optimisers
#
# The prediction is one about gradient descent. Momentum changes the path: its limit for small steps is the
# same flow on a faster clock, but at a practical step size it overshoots and ends elsewhere. Adam rescales
# every weight's gradient by its own history; that is a different geometry, and a smaller step does not bring
# it back.

# %%
lr = own.step_size
runs = {
    "SGD": (sgd_losses, sgd_xs),
    "SGD, momentum 0.9": train(lambda weights: torch.optim.SGD(weights, lr=lr, momentum=0.9), steps=8000),
    "SGD, momentum 0.9, step / 50": train(
        lambda weights: torch.optim.SGD(weights, lr=lr / 50, momentum=0.9), steps=12000
    ),
    "Adam, lr 0.01": train(lambda weights: torch.optim.Adam(weights, lr=0.01), steps=5000),
    "Adam, lr 0.001": train(lambda weights: torch.optim.Adam(weights, lr=0.001), steps=6000),
}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for (name, (losses, xs)), line in zip(runs.items(), ("-", "--", "-.", ":", "-"), strict=True):
    left.loglog(losses, line, label=name)
    right.loglog(distances(xs), line, label=name)
left.set(xlabel="iteration", title="loss")
right.set(xlabel="iteration", title=r"$\|x - x(\alpha)\|_1$")
_ = right.legend(fontsize=8)

# %%
print(f"{'':30} data fitted   distance to x(alpha)   sum of x")
for name, (losses, xs) in runs.items():
    print(f"{name:30} {losses[-1] < 1e-8!s:>11}   {distances(xs)[-1]:20.4f}   {xs[-1].sum():8.4f}")
print(f"{'prediction':30} {'True':>11}   {0:20.4f}   {predicted.x.sum():8.4f}")

# %% [markdown]
# All of them fit the data. Only plain gradient descent fits it with the vector the theory predicts. Momentum
# comes closer as its step shrinks, but even a fiftieth of the step leaves it further off than plain descent
# was. Adam fits the data with another vector, and ten times smaller a learning rate hardly moves it.
#
# So when a prediction fails, check in this order: is the loss really done, or is it the slow phase; is the
# step small; is the optimiser gradient descent at all?
