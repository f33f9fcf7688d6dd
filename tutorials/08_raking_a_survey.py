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
# # Raking a survey
#
# A survey reaches some people more easily than others. *Raking* gives each answer a weight, so that the weighted survey
# has the margins that are known of the population - so many women, so many children - and stays as close to the survey
# as that allows. Close in relative entropy: raking is a Bregman projection.
#
# To see whether it works, we take a population of which everything is known: the 2,201 people on board of the Titanic,
# by class, sex, age and whether they survived. We ask 300 of them, not fairly, rake the answers to three margins, and
# compare what they say of survival with what is true.
#
# Install from a checkout with `pip install '.[tutorials]'`; the data come with the package `causaldata`.

# %%
import numpy as np
import pandas as pd
from causaldata import titanic

from bregman_l1 import BregmanProjection, InfeasibleError, LinearSystem, nearest_feasible, solve

population = titanic.load_pandas().data.astype(str)
population = population.replace({"sex": {"man": "men"}, "age": {"child": "children"}})
population["survived"] = population["survived"] == "yes"

ease = population["class"].map({"1st class": 4.0, "2nd class": 2.0, "3rd class": 1.0, "crew": 1.0})
ease *= population["sex"].map({"women": 2.0, "men": 1.0})
drawn = np.random.default_rng(1912).choice(len(population), 300, replace=False, p=ease / ease.sum())
survey = population.iloc[np.sort(drawn)].reset_index(drop=True)
survey

# %% [markdown]
# First class answered four times as readily as third class and crew, women twice as readily as men; and those are the
# people who survived.

# %%
print(f"survived, in the survey:     {survey['survived'].mean():.1%}")
print(f"survived, in the population: {population['survived'].mean():.1%}")

# %% [markdown]
# ## Three margins, eight equations
#
# Each answer is a column, each category of a margin a row: 1 where the answer belongs to it. The right-hand side counts
# the population. pandas makes both in one line, and `LinearSystem` keeps the names.


# %%
def categories(people):
    return pd.get_dummies(people[["class", "sex", "age"]], prefix="", prefix_sep="", dtype=float).T


A = categories(survey)
margins = categories(population).sum(axis=1)
system = LinearSystem(A, margins)
pd.DataFrame({"survey": A.sum(axis=1).astype(int), "population": margins.astype(int)})

# %% [markdown]
# The margins say more than once how many people there are: the four classes sum to 2,201, and so do the two sexes and
# the two ages. So two of the eight equations follow from the others. Nothing needs to be done about that; dependent
# equations are found, and the certificate holds for all eight.

# %%
print(f"{len(A)} equations, of which {np.linalg.matrix_rank(A)} are independent")
raked = solve(BregmanProjection(system, alpha=1.0))
weights = raked.to_series().rename("weight")
survey.assign(weight=weights).groupby(["class", "sex", "age"])["weight"].agg(answers="size", weight="first").round(3)

# %%
estimate = weights @ survey["survived"] / weights.sum()
print(f"survived, in the raked survey: {estimate:.1%}")
print(f"survived, in the population:   {population['survived'].mean():.1%}")
print(f"effective sample size:         {weights.sum() ** 2 / (weights**2).sum():.0f} of {len(survey)}")
raked.certificate

# %% [markdown]
# ## Why alpha does not matter
#
# The projection starts from weights that are all `alpha`, and the answer does not depend on it. There is no row of ones
# here, but a combination of rows is one: the four classes sum to it, because everybody belongs to exactly one. A weight
# is $x_i = \alpha \exp(\lambda_{\text{class}(i)} + \lambda_{\text{sex}(i)} + \lambda_{\text{age}(i)})$, and a smaller
# $\alpha$ only makes the four multipliers of the classes larger.
#
# This is what one wants of weights: it does not matter whether the survey is 300 people of weight 1 or one tenth of
# that. Without such a row - margins of women and children only, say - the total would be free, and `alpha` would decide
# it.

# %%
other = solve(BregmanProjection(system, alpha=1e-9))
print(f"alpha = 1 and alpha = 1e-9: log weights differ by at most {np.abs(other.log_x - raked.log_x).max():.0e}")
free = LinearSystem(A.loc[["women", "children"]], margins[["women", "children"]])
for alpha in (10.0, 1.0, 0.1):
    people = solve(BregmanProjection(free, alpha=alpha)).x.sum()
    print(f"women and children only, alpha = {alpha:<4g}: {people:7.1f} people")

# %% [markdown]
# ## The classical way
#
# Deming and Stephan (1940) scale the weights to one margin after the other, again and again. It takes four lines, and
# ends at the same weights.

# %%
fitted = pd.Series(1.0, index=survey.index)
while np.abs(A @ fitted - margins).max() > 1e-9:
    for margin in ("class", "sex", "age"):
        fitted *= survey[margin].map(margins) / fitted.groupby(survey[margin]).transform("sum")
print(f"log weights differ by at most {np.abs(np.log(fitted) - raked.log_x).max():.0e}")

# %% [markdown]
# ## From the table alone
#
# People of the same class, sex and age get the same weight, so that the table of counts is all one needs. Now each
# *cell* is an unknown, and the projection does not start from equal numbers, but from the counts of the survey:
# `prior=counts`, and no `alpha`.

# %%
names = ["class", "sex", "age"]
cells = pd.MultiIndex.from_product([population[name].unique() for name in names], names=names)
counts = survey.groupby(names).size().reindex(cells, fill_value=0)
table = solve(BregmanProjection(LinearSystem(categories(cells.to_frame()), margins), prior=counts))
true = population.groupby(names).size().reindex(cells, fill_value=0)
pd.DataFrame({"survey": counts, "raked": table.x.round(1), "population": true})

# %%
reached = counts > 0
summed = weights.groupby([survey[name] for name in names]).sum().reindex(cells)
print(f"table and answers differ by at most {np.abs(table.x[reached] / summed[reached] - 1).max():.0e}")
print(f"{np.sum(~reached)} cells are empty in the survey; the largest x there is {table.x[~reached].max():g}")

# %% [markdown]
# A cell in which nobody was asked stays empty, as it must: there is nobody to give the weight to. Here the empty cells
# are the children of the crew, of whom there were none.
#
# ## When margins contradict each other
#
# Margins come from different sources. Suppose the sexes were counted on another list, that has ten men more.

# %%
from_two_lists = margins.copy()
from_two_lists["men"] += 10
contradicting = LinearSystem(A, from_two_lists)
try:
    solve(BregmanProjection(contradicting, alpha=1.0))
except InfeasibleError as error:
    refusal = error
    print(error)

# %% [markdown]
# The rows that cannot all hold are named: the four classes sum to 2,201 people, the two sexes to 2,211. The proof
# behind it is a *Farkas vector* $z$, one number for each equation. Add the equations up with these numbers, and every
# unknown gets a coefficient that is not positive, here zero, while the right-hand side is positive, here ten. No
# nonnegative weights can do that.

# %%
z = pd.Series(refusal.farkas, index=A.index)
z = z / z.abs().max() + 0.0
pd.DataFrame({"z": z, "margin": from_two_lists, "product": z * from_two_lists})

# %% [markdown]
# Iterative fitting has no way to notice. It goes on for ever, and which total it ends with depends on where one stops:

# %%
fitted = pd.Series(1.0, index=survey.index)
for _ in range(200):
    totals = {}
    for margin in ("class", "sex", "age"):
        fitted *= survey[margin].map(from_two_lists) / fitted.groupby(survey[margin]).transform("sum")
        totals[margin] = fitted.sum()
for margin, total in totals.items():
    print(f"round 200, after fitting {margin:<5}: {total:.1f} people")

# %% [markdown]
# What to do about it is a question about the lists, not about numbers. If no list deserves more trust than another,
# `nearest_feasible` changes the margins as little as possible, in the sense of least squares, until they agree.

# %%
nearest = nearest_feasible(contradicting)
repaired = solve(BregmanProjection(nearest, alpha=1.0))
print(f"survived, in the survey raked to the nearest margins: {repaired.x @ survey['survived'] / repaired.x.sum():.1%}")
pd.DataFrame({"given": from_two_lists, "nearest": nearest.y, "change": nearest.y - from_two_lists}).round(2)

# %% [markdown]
# Another way to contradict a survey is to ask it for people it does not have. Without any answer from a child, no
# weights add up to 109 children, and a single row says so:

# %%
adults = survey[survey["age"] == "adults"]
try:
    LinearSystem(categories(adults).reindex(margins.index, fill_value=0.0), margins)
except InfeasibleError as error:
    print(error)
