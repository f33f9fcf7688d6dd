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
# # Balancing: did the training raise their earnings?
#
# In the 1970s the National Supported Work programme trained people who had a hard time on the labour market. It was an
# experiment: who was trained was drawn by lot, and so we know what the training did. The men who were trained earned
# about \$1,794 more in 1978 than those who were not.
#
# LaLonde (1986) asked what we would have believed *without* the experiment, with ordinary survey data for comparison.
# Here are the 185 trained men and 15,992 men of the Current Population Survey, who were not. They are very different
# men, and a plain comparison is off by ten thousand dollars. *Entropy balancing* (Hainmueller, 2012) gives each man of
# the survey a weight, so that the weighted survey agrees with the trained men in every moment we name, and changes the
# weights no more than that takes. This is a Bregman projection.
#
# Install from a checkout with `pip install '.[tutorials]'`; the data come with the package `causaldata`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from causaldata import cps_mixtape, nsw_mixtape
from scipy.optimize import minimize, root
from scipy.special import logsumexp

from bregman_l1 import BregmanProjection, InfeasibleError, LinearSystem, solve

experiment = nsw_mixtape.load_pandas().data
trained, by_lot = experiment[experiment["treat"] == 1], experiment[experiment["treat"] == 0]
controls = cps_mixtape.load_pandas().data
earned = controls["re78"].to_numpy(float)
benchmark = trained["re78"].mean() - by_lot["re78"].mean()
print(f"{len(trained)} trained, {len(by_lot)} not trained by lot, {len(controls)} of the survey")
print(f"trained minus not trained by lot:  {benchmark:8.0f} dollars")
print(f"trained minus survey:              {trained['re78'].mean() - earned.mean():8.0f} dollars")

# %% [markdown]
# ## Twelve moments in raw units
#
# Years of age and of schooling, dollars earned in 1974 and 1975, marks for black, hispanic, married, no degree and no
# earnings in either year, and two squares. Their sizes differ by a factor of ten thousand; nothing has to be rescaled.


# %%
def moments(people):
    table = people[["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]].astype(float)
    table["no earnings 74"] = (table["re74"] == 0).astype(float)
    table["no earnings 75"] = (table["re75"] == 0).astype(float)
    table["age squared"] = table["age"] ** 2
    table["educ squared"] = table["educ"] ** 2
    return table


wanted, of_survey = moments(trained), moments(controls)
pd.DataFrame({"trained": wanted.mean(), "survey": of_survey.mean()}).round(2)

# %% [markdown]
# ## The weights
#
# The unknown $x$ has 15,992 entries, one weight $x_i \ge 0$ for each man of the survey. Each moment is one equation,
# $\sum_i x_i m_k(i) = \bar m_k$ with the mean of the trained on the right, and one more equation says that the weights
# sum to one: a row of ones. Rows and columns of a data frame keep their names.

# %%
A = of_survey.T
A.loc["total"] = 1.0
y = wanted.mean()
y["total"] = 1.0
system = LinearSystem(A, y)
system

# %%
solution = solve(BregmanProjection(system, alpha=1.0))
weights = solution.x
solution.certificate

# %% [markdown]
# ## Before and after
#
# The usual measure of imbalance is the difference of the means in units of the standard deviation among the trained.
# Anything above 0.1 is called unbalanced.

# %%
spread = wanted.std()
balance = pd.DataFrame(
    {
        "before": (of_survey.mean() - wanted.mean()) / spread,
        "after": (weights @ of_survey - wanted.mean()) / spread,
    }
)
(balance.round(3) + 0.0).map("{:+.3f}".format)

# %%
ranked = np.sort(weights)[::-1]
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
left.plot(balance["before"], balance.index, "o", mfc="none", label="before")
left.plot(balance["after"], balance.index, "s", label="after")
left.axvline(0, color="0.7", zorder=0)
left.invert_yaxis()
left.set(xlabel="standardised difference of means")
left.legend()
right.semilogx(np.arange(1, len(ranked) + 1), np.cumsum(ranked))
right.set(xlabel="number of men, by falling weight", ylabel="share of the total weight")
effective = 1 / (weights**2).sum()
right.axvline(effective, color="C1", linestyle=":", label="effective sample size")
_ = right.legend()

# %% [markdown]
# Balance has a price. Half of the weight rests on fewer than a hundred men; the *effective sample size*
# $(\sum x_i)^2 / \sum x_i^2$ says how many men with equal weights would be as informative.

# %%
estimate = trained["re78"].mean() - weights @ earned
print(f"effective sample size  {effective:.1f} of {len(weights)} men")
print(f"estimated effect       {estimate:8.0f} dollars")
print(f"experiment             {benchmark:8.0f} dollars")
print(f"unweighted comparison  {trained['re78'].mean() - earned.mean():8.0f} dollars")
groups = (trained["re78"], by_lot["re78"])
print(f"standard error of the experiment: {sum(group.var() / len(group) for group in groups) ** 0.5:.0f} dollars")

# %% [markdown]
# Twelve moments bring a comparison that was off by ten thousand dollars to within some three hundred of the experiment,
# which is half of the experiment's own standard error.
#
# ## Why alpha does not matter here, and why the row of ones does
#
# The projection starts from equal weights `alpha`. Which `alpha`? Any: the answer has the form
# $x_i = \alpha \exp(\lambda_0 + \sum_k \lambda_k m_k(i))$, and the multiplier $\lambda_0$ of the row of ones takes up
# whatever $\alpha$ leaves. Wherever the row of ones is a combination of the rows of $A$, the projection is the same for
# every $\alpha$, even for one that no floating-point number can hold:

# %%
tiny = solve(BregmanProjection(system, log_alpha=-1000 * np.log(10)))
print(f"alpha = 1 and alpha = 1e-1000: log weights differ by at most {np.abs(tiny.log_x - solution.log_x).max():.0e}")

# %% [markdown]
# Leave the row out, and the twelve moments are no means any more, but totals of weights whose sum is free. Now the
# answer depends on $\alpha$, and with weights that do not sum to one the "mean" of earnings is none:

# %%
without = LinearSystem(A.drop("total"), y.drop("total"))
for alpha in (1e3, 1.0, 1e-3, 1e-6):
    free = solve(BregmanProjection(without, alpha=alpha)).x
    print(f"alpha = {alpha:<6g} weights sum to {free.sum():.4f}, weighted earnings {free @ earned:.0f} dollars")

# %% [markdown]
# ## An independent computation
#
# Hainmueller computes the weights from the dual: with standardised moments $z_i$ and their targets $\bar z$, minimise
# $\log \sum_i \exp(\lambda^\top z_i) - \lambda^\top \bar z$, a smooth convex function of twelve variables. SciPy does
# that for us, with a few Newton steps at the end.

# %%
scale = of_survey.std()
Z = ((of_survey - of_survey.mean()) / scale).to_numpy()
target = ((wanted.mean() - of_survey.mean()) / scale).to_numpy()


def log_weights(lam):
    return Z @ lam - logsumexp(Z @ lam)


def objective(lam):
    return logsumexp(Z @ lam) - target @ lam


def gradient(lam):
    return Z.T @ np.exp(log_weights(lam)) - target


def hessian(lam):
    p = np.exp(log_weights(lam))
    centred = Z - Z.T @ p
    return (centred * p[:, None]).T @ centred


found = minimize(objective, np.zeros(12), jac=gradient, hess=hessian, method="trust-exact")
lam = root(gradient, found.x, jac=hessian, tol=1e-14).x
print(f"log weights differ by at most {np.abs(log_weights(lam) - solution.log_x).max():.0e}")
print(f"the smallest weight is e^{solution.log_x.min():.1f}, the largest e^{solution.log_x.max():.1f}")

# %% [markdown]
# ## When the moments cannot be matched
#
# Weights cannot make what is not there. Suppose the survey had reached only 300 men:

# %%
few = np.random.default_rng(0).choice(len(controls), 300, replace=False)
try:
    solve(BregmanProjection(LinearSystem(A.iloc[:, few], y), alpha=1.0))
except InfeasibleError as error:
    refusal = error
    print(error)

# %% [markdown]
# The proof is a vector $z$, one number for each equation, that separates what the men of the survey can be from what
# the trained are: $z^\top m(i) \le 0$ for each of them, and for all their mixtures, but $z^\top \bar m > 0$ for the
# trained. Here it is.

# %%
z = pd.Series(refusal.farkas, index=A.index)
z = z[z != 0]
z = z / z.abs().min()
print(z.map("{:+.0f}".format).to_string())
print(f"the highest of the 300 men: {(z @ A.iloc[:, few].loc[z.index]).max():+.2f}")
print(f"the mean of the trained:    {z @ y[z.index]:+.2f}")

# %% [markdown]
# In words: no man among the 300 has all three of these marks, black, without a degree and without earnings in 1975, and
# so the three shares cannot sum to more than two among them, however they are weighted. Among the trained they do:
# 84 %, 71 % and 60 % sum to 215 %. One of the three equations has to go, or more men have to be found.
#
# What if the men of the survey come with weights of their own? Then those are what the projection should start from,
# in place of equal ones: `BregmanProjection(system, prior=weights)`. The [next tutorial](08_raking_a_survey.ipynb)
# uses it.
