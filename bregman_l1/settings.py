"""Every number the native method is tuned by, each with its reason."""

from __future__ import annotations

from typing import Final

from bregman_l1._types import EPS

MARGIN: Final = 60 * EPS  # the margin as it is measured in floating point, which rounds itself

# What is stored otherwise is made dense up to this size, and refused beyond it with the number.
MOST_MADE_BYTES: Final = 4 * 2**30

# The convex loop.
FAR: Final = 0.5  # A Newton step in log x above this takes a line search: the quadratic model errs by its square
SEARCHED: Final = 0.03  # the line search ends where the logarithms of the two sides of its equation agree to this
MOST_TRIALS: Final = 40  # a safeguard of the line search, which takes one to three trials
# The relative residual asked of a Newton direction after a step above so much: no more than the step can use.
ACCURACY: Final = ((1.0, 0.1), (0.1, 1e-2), (1e-3, 1e-3), (-1.0, 1e-4))
SETTLED: Final = 1e-6  # steps below this that no longer shrink show rounding
KEEP_FACTOR: Final = 0.5  # a preconditioner made at x still serves once log x moves by less than this
TAKE_CARE: Final = 0.01  # the rounding of y - A x shows in no step above this
# The convex loop takes 6 to 15 steps where it converges; forced zeros make it run on for ever.
MOST_CONVEX_STEPS: Final = 60
AT_REST: Final = 1e-13  # an error of log x below this is at rest
UNSEEN: Final = 1e-12  # noise that a rough bound puts below this is not measured
# The share of the tolerance that the rounding of y - A x may take up; beyond, the scale-free form takes over.
NOISE: Final = 0.02
NEAR: Final = 26.0  # priors within so many e-folds of one are met by the convex loop directly
THINNED: Final = 32  # one column of so many is looked at first,
ENOUGH_TO_THIN: Final = 32  # if so many columns a row are left: their sums are then close to those of all
# Deeper priors are entered from here: the support shows, and double precision still holds all of x.
LEAVE_AT: Final = 16.0

# Wide systems.
GATHERED_WHOLE: Final = 2**20  # matrices of so many entries are gathered whole: they are solved at once in memory
SAMPLED: Final = 2**20  # entries of A in a sample of the columns, 8 MB
FIRST_PRICED: Final = 2**16  # entries of A in the columns that a linear program over very many begins with
GATHERED: Final = 2**25  # entries of A that are gathered into memory at most, 256 MB
HEAVIEST: Final = 10_000  # so many of the heaviest columns are gathered at a time
NEGLECTED: Final = 1e-13  # columns that together weigh less than this share of the lightest of a basis change nothing
MOST_GATHERINGS: Final = 40  # gatherings; those that succeed take two to ten
RISE: Final = 2.0  # log x rises by no more in one step: steps from where x is far too small lead far too high

# The normal equations.
# From so many rows on, single precision and conjugate gradients are faster than a double Cholesky factor.
ITERATIVE_FROM: Final = 160
LEAST_SINGLE_SLOPE: Final = 4e-3  # single precision holds changes of log x to about its rounding over this slope
BLOCK_BYTES: Final = 2**20  # so much of A is worked on at a time: it stays in the cache between A'v and A(x A'v)
LEAST_PIVOT: Final = 1e-140  # its square is far above what underflows in sums of x
# So many columns are added to a Gram matrix at a time: enough for full speed, few enough to stop in between.
MULTIPLIED: Final = 2048
# Entries of x above this multiple of the mean of the rest enter the preconditioner by a low-rank correction.
DOMINANT: Final = 100.0
# Ratios of a dominant entry to the rest beyond which single precision cannot keep the two apart.
MOST_SCALES: Final = 1e12
MOST_SORTED: Final = 100_000  # longer vectors are compared with their mean instead of being sorted
# The share of the mass of x, dominant entries aside, that the preconditioner leaves out: a third of the columns hold
# the rest, and two iterations make up for it.
DROPPED: Final = 0.05
MOST_KEPT: Final = 3  # so many columns a row are enough where none weighs much more than others: a few iterations more
# Added to the unit diagonal of a single-precision Gram matrix: the rounding of a sum of some thousand terms.
RIDGE: Final = 1e-5
SINGLE: Final = 1e-6  # sums of some thousand terms in single precision are right to this
MOST_PRODUCTS: Final = 2000  # conjugate gradients from products end here: a Newton step that is rough is one too
MOST_GRADIENTS: Final = 80  # conjugate gradients that take longer have met a matrix singular in single precision

# The normal equations of sparse matrices.
SPARSE_FROM: Final = 500  # systems of fewer rows are factorised in milliseconds
# The gradients of a Newton step take as long as so many multiplications of a sparse Gram matrix for each entry of A,
GRADIENTS_TAKE: Final = 4
DENSE_SHARE: Final = 4e-3  # and one of a dense factor takes this share of one of these.
MOST_PAIRS: Final = 50  # where so many pairs of entries a row share a column, A A' is not looked at
LEAST_RIDGE: Final = 1e-14  # raises the unit diagonal of a sparse normal matrix, so that dependent rows are factorised
# Where rows are n products apart gradients take twice as many; each takes a twentieth of what all take above.
GRADIENTS_OF_REACH: Final = 0.4
DOMINANT_SPARSE: Final = 10.0  # As DOMINANT; where A is sparse a column more costs little.
LEAST_SHARE: Final = 1e-8  # rows that dominant columns make up to this share leave the others that much
MOST_SPARSE_GRADIENTS: Final = 400  # gradients that take longer have met a matrix singular in single precision
# Rounds of the presolve, in which rows turn out to have one sign: the entries of their proof grow with each.
MOST_SIGN_ROUNDS: Final = 20
MOST_FACTORED: Final = 20_000  # rows beyond which no dense matrix of them is made: three gigabytes

# Rows.
# Rows whose scaled Gram matrix has pivots above this, far above the rounding of single precision, are independent.
WELL_CONDITIONED: Final = 0.05
# A pivot of the double-precision scaled Gram matrix below this makes its row a suspect of dependence.
SUSPECT: Final = 1e-10
# Weighted sums of rows that agree to this share of them are of rows that may be multiples of each other.
SAME: Final = 1e-12
# Contradictions between dependent entries of y up to this share of their terms may be many roundings together.
SPREAD: Final = 1e-12
ENOUGH_COLUMNS: Final = 1.25  # so many columns a row, spread over A, show that its rows are independent, where they are

# The jump.
MOST_BARRIER_STEPS: Final = 40  # a barrier method that takes longer has stalled
BARRIER_SOLVED: Final = 0.1  # complementarity left over, in units of log p: Newton's method converges from there
# The first weights and slacks are lifted to this share of their mean: a start off the boundary.
BARRIER_LIFT: Final = 0.1
BARRIER_ROUGH: Final = 0.3  # while log p is off by more, single precision is good enough
# How often the support and the rounding of T may be made good; each time leaves a small share of the error.
MOST_COUPLINGS: Final = 6
BARRIER_KEPT: Final = 0.02  # the share of the weight that is left out of the normal matrix, while steps are long
BARRIER_STRIDE: Final = 0.995  # the share of the way to the boundary a step may take

# The certificate's step.
PLAIN_RANGE: Final = 600.0  # larger log x leave the range of double precision; smaller ones may underflow
SEEN: Final = 25.0  # entries that many e-folds below the largest drown in its rounding, in extended precision too
MOST_REFINEMENTS: Final = 8  # refinements of one linear system; each gains two digits or more
REFINED: Final = 1e-3  # a step is measured to three digits
LONG: Final = 1000.0  # logarithms beyond this are right relative to their size: their spacing grows with it

# From prior to prior.
CLOSE: Final = 0.1  # on the way to a deeper prior log x need be no closer than this
FURTHER: Final = 1.6  # the depth of one stage of the way over that of the stage before;
LEAST_FURTHER: Final = 1.1  # its root, where a stage fails, down to this
MOST_STAGE_STEPS: Final = 20  # steps of a stage that began on the tangent of the one before; more do not pay
NEGLIGIBLE: Final = 1e-10  # a measurement of log x whose rounding stays below this is good enough
PREDICTED: Final = 100.0  # predictions further off in log x are not corrected: their alpha is projected on its own
FOLLOWED: Final = 1e-5  # a correction of this size leaves an error of a tenth of its square
REACH: Final = 1.5  # a cubic through two points leads so much further as they lie apart
MOST_FOLLOWED: Final = 12  # corrections of one prediction; smooth paths take two or three, kinks up to ten

# The tableau.
POOR: Final = 1e-4  # bases with a pivot below this share of its column are sought among all columns, not the heaviest;
DEPENDENT: Final = 1e-11  # pivots below this share of their column count as zeros there, too
FIRST: Final = 3  # so many of the heaviest columns of each row are offered to a basis, beside the heaviest of all
# Weights over so many e-folds fit one elimination; wider ones are drawn together, exchanges make up for that.
WIDEST_ELIMINATION: Final = 650.0
THIN: Final = 0.1  # matrices with a smaller share of nonzeros are multiplied as sparse ones,
THIN_FROM: Final = 10_000  # if they have so many entries at least
# The rounding of a product with a computed inverse; refined it has half of that, and less where A_J has zeros.
UNREFINED: Final = 4 * EPS
UNBALANCED: Final = 3.0  # bases are exchanged when some log |T_ij| sqrt(x_j / x_i) exceeds this,
BALANCED: Final = 0.6931471805599453  # and until none exceeds log 2
SOUND: Final = 1e-8  # pivots below this share of their terms may be rounding, and count as zeros
LARGEST_EXPONENT: Final = 300.0  # terms up to exp of this are summed as they are, larger ones as logarithms
FEW: Final = 0.3  # equations that fewer heavy columns than this share of the rows enter are solved by these columns,
# if x_i makes up so much of its own side in every row: no more digits are lost than the inverse of this.
OWN_SHARE: Final = 1e-3
NEGLIGIBLE_TERM: Final = -42.0  # terms T_ij x_j / x_i below exp of this change no sum
LIGHT_TERM: Final = -12.0  # terms below exp of this matter to a residual, not to the direction it asks for
WORTHLESS: Final = -30.0  # an error of T_ij x_j / x_i below exp of this is left to the noise
AHEAD: Final = 30.0  # columns that would matter if x changed by so many e-folds are kept in a tableau
# Entries of a tableau, its basis included, that are computed exactly where rounding cannot tell them from zero;
EXACT_ENTRIES: Final = 400_000  # others are assumed to be zero, and what they may be is in the noise;
EXACT_ON_THE_WAY: Final = 3_000  # so many for a walk, which meets many bases;
EXACT_WHERE_IT_MATTERS: Final = 1_500_000  # so many for a certificate, of the columns that matter to it
# Inverses that lose so much to rounding are computed exactly, in bases that are not too large.
ILL_CONDITIONED: Final = 1e4
REFITTED: Final = 20_000_000  # products of a least-squares fit of u to y; what takes more is left as it is
EXACT_WORK: Final = 20_000_000  # multiplications that are made exactly where a basis is ill-conditioned: a second
# Systems of so many entries are finished exactly whenever rounding might show; it takes milliseconds.
EXACT_AS_A_RULE: Final = 2_000
EXACT_ELIMINATION: Final = 10_000  # products up to which a basis that floating point does not see is sought exactly

DECIDED: Final = 1e-2  # a count of priors whose rounding is this share of it is no tie, and near enough to go on with
MOST_PRIORS: Final = 32  # so many different priors are counted before they are weighed; random ones cancel nowhere

# The walk.
CENTRED: Final = 0.1  # a correction below this is close enough to go on from
CONVERGED: Final = 1e-3  # a correction below this is left to the last steps
MOST_CORRECTIONS: Final = 20  # corrections of one step; more do not come to rest
# After a Newton step of this size the next would be of rounding size: steps square, up to a factor of its inverse.
SQUARED: Final = 1e-9
MOST_LAST_STEPS: Final = 8  # steps after which rounding must show
LONGEST_CORRECTION: Final = 1e3  # the largest change of log x in one correction: unbalanced rows may jump far
SHARE_OF_CORRECTION: Final = 0.3  # and by so much of the largest |log x| more: long columns send x to exp(-1e11)
# By how much the next step is longer after so many corrections: long steps take five to eight as well.
GROWTH: Final = (5.0,) * 5 + (2.5,) * 4 + (1.5,) * 4 + (1.0,) * 4 + (0.5,)
TINY: Final = 1e-300  # keeps a quotient finite
SHRINK: Final = 4.0  # by how much a step is cut that did not come to rest
SHORTEST_STEP: Final = 1e-12  # shorter steps lead nowhere
MOST_STEPS: Final = 1_000  # walks that arrive take tens, a few hundreds

# The way there.
JUMP_FROM: Final = 30_000  # smaller matrices walk as fast as they jump
LARGEST_TABLEAU: Final = 50_000_000  # entries of a tableau that still fits the memory of a small machine
WARM: Final = 10.0  # columns lighter by so many e-folds than what they stand beside bend no path
WARM_FROM: Final = 4_000_000  # smaller tableaus are walked on whole
JUMP_KEEPS: Final = 18.0  # columns that many e-folds below the heaviest where the jump begins join it at its end only
MOST_WIDENINGS: Final = 3  # ends of a jump that may find columns missing
NEGLIGIBLE_ENTRY: Final = 37.0  # entries so many e-folds below the largest of a layer are beneath its rounding
COLD: Final = 40.0  # columns that many e-folds below the lightest of as many as there are rows change nothing
# Entries of a centre below this share of its median are rounding of an interior-point method.
LOWEST_OF_CENTRE: Final = 1e-6

# The row space.
FITTED: Final = 1e-12  # a misfit below this share of the largest value is rounding
# Matrices of up to so many entries are fitted on a basis where least squares leave more than rounding.
FITTED_ON_BASIS: Final = 1_000_000
FITS: Final = 1e-6  # a dual this near to a candidate in log x is the better point to measure from

# Tables with given margins.
SWEEPS: Final = 5  # rounds of proportional fitting before Newton's method: more pay where these are nearly enough
SHALLOW: Final = 250.0  # priors of so many e-folds are projected at once
TABLE_FURTHER: Final = 3.0  # the share of the prior over that of the stage before
# What leaves more is no solution: along some direction A W A' is zero to rounding, and log x is not known there.
TABLE_UNSOLVED: Final = 0.1
TABLE_MEASURED: Final = 1e-2  # the residual asked of a Newton step that is only measured
PROJECTED: Final = 1e-12  # to this share a right-hand side is taken into the range; iterates nearer show rounding only
TABLE_PROBED: Final = 1e-3  # a hidden direction is a larger share of a random vector, as a rule
TABLE_SOLVED: Final = 1e-2  # the error of log x that is asked, over the tolerance

# Products alone.
MANY_NORMS: Final = 1_000  # of so many rows or columns one random product tells whether their norms are about the same
# The fourth moment of a normal number over the square of its variance is 3; one drawn from so many has less than this.
EVEN_NORMS: Final = 4.0
NORM_PROBES: Final = 16  # random products that measure norms to a third
LEAST_NORM: Final = 1e-12  # squared norms below this share of the median are those of zero rows and columns
# Entries of x that weigh so many times the mean of the rest in a row are unknowns of their own; lower values take more.
HEAVY: Final = 3.0
MOST_HEAVY: Final = 0.4  # as many a row: the columns of more come close to dependent
# So much of the weight of their columns enters their scale: their eigenvalues, which are negative, lie far from zero.
SCHUR: Final = 0.25
LIGHTEST: Final = 1e-12  # stands for the weight of the rest where there is none
MEASURED: Final = 0.3  # the residual asked of a Newton step that is only measured,
MEASURED_AGAIN: Final = 1e-2  # and then of what is left of it, or less where a direction has less than so many times
SHOWS: Final = 0.1  # its share of a random vector
MOST_MEASUREMENTS: Final = 4  # rounds of it
UNMEASURED: Final = 3.0  # a residual above so many times what was asked is that of equations that could not be solved
MOST_MINRES: Final = 500  # iterations of one linear system; those that are solvable in products take up to 200
# The residual asked of Newton's equations beside the error of log x that is expected after them: asking for more
# saves steps, asking for less saves the first twenty iterations of each, in which no error falls.
FORCING: Final = 0.7
LOOSEST: Final = 0.2  # while steps are long, half a digit is enough;
TIGHTEST: Final = 0.1  # where they do not get shorter, a digit is
SLOW: Final = 0.5  # a step that is longer than this share of the last gets no shorter
SHARE: Final = 0.3  # of the error that is allowed, which the residual of the last equations may take up
UNSOLVED: Final = 10.0  # the error of a step over its size times the residual of its equations,
LEAST_LEFT: Final = 0.03  # and the share of it at least: what resists the iteration shows once all else has vanished
ROUNDED: Final = 30.0  # directions that weigh less than the mean magnify rounding by so much
LEAST_FACTOR: Final = 0.1  # what an entry keeps in one step at least
WEIGHS: Final = 0.1  # entries lighter than this share of what light entries weigh may change as they will
LARGEST_MIXED: Final = 100.0  # log x is cut off here where it is made from a lam that is far off
NEARBY: Final = 1.0  # an error of log x from which Newton's method converges, so that the walk may go on
NEAR_ENOUGH: Final = 4.0  # and the same of the entries that weigh, from which the next stage may begin
MISSING: Final = 0.3  # if the equations for y are met to this share of it
FIRST_STRIDE: Final = 4.0  # e-folds of the prior that the first stage takes, where no entry stands out yet,
STRIDE: Final = 3.0  # those that the next takes,
LEAST_STRIDE: Final = 0.05  # and what is too few to go on with
STRETCHED: Final = 0.3  # the share of a stride by which the last stages together may exceed theirs
LONGER: Final = 1.1  # by so much is the next stage longer
EASY_STEPS: Final = 5  # after one that took so few steps
MOST_MIXED_STEPS: Final = 14  # stages that settle do so within ten
LOST: Final = 10.0  # a residual that has grown by so much leads nowhere
MOST_LAST_MIXED_STEPS: Final = 25  # steps square the error, seven do; the rest would be rounding
BELOW: Final = 0.3  # of the tolerance is aimed at: an error that is estimated is not known
LOOSEST_ASCENT: Final = 0.1  # the residual asked of an ascent direction,
MOST_ASCENT_GRADIENTS: Final = 80  # and the iterations that one is worth: any of them climbs
LONGEST_ASCENT: Final = 50.0  # e-folds that one ascent may change log x by
REACHED: Final = 4.0  # a line search that has not passed its end goes on by this factor
MOST_ASCENTS: Final = 100  # ascents of a dual that is attained take ten to fifty
MOST_NORMAL: Final = 200  # iterations of least squares on chosen columns, which take thirty where these are few
NORMAL_ROUNDS: Final = 4  # or so many times the columns: rounding makes up for the finite end
MOST_PURSUITS: Final = 40  # rounds of a pursuit; a dozen, where the columns are far from parallel
PURSUED: Final = 0.9  # a residual that keeps more than this share in one round is not going to vanish
ABOVE_NOISE: Final = 2.5  # entries above so many standard deviations of what the residual says elsewhere are kept,
MOST_CHOSEN: Final = 0.45  # and no more than so many a row, so that least squares on them is well conditioned
FITTED_ROUGHLY: Final = 0.1  # the residual of these least squares while entries are still missing,
SUPPORT_SHOWS: Final = 1e-4  # and from this residual of A x = y on,
FITTED_WELL: Final = 1e-12  # when the smallest entries are in
HIDDEN: Final = 1e-11  # of the largest entry: rounding of least squares hides what is smaller
FEW_GRADIENTS: Final = 4  # iterations after which rows that add up to ones are far on the way to them;
HARDLY: Final = 0.5  # others leave more than this share
ADDED_UP: Final = 1e-12  # what rows that add up to ones may miss of them
EXPOSED: Final = 1e-6  # slacks of an exposing vector above this are clear of rounding
EXACT: Final = 4e-15  # |A x - y| / |y| that is rounding of A x,
NEARLY_EXACT: Final = 1e-12  # and where it does not fall any more
MOST_REFITS: Final = 3  # the second refines the first, the third drops what was rounding of the support
MOST_PULLS: Final = 10  # rounds of a search for a dual; two or three, where there is one with some slack
MOST_ROUGH: Final = 25  # iterations of one, which four are enough for where the columns are independent
FITTED_DUAL: Final = 1e-2  # residual of its least squares
WATCHED: Final = 0.02  # columns with less slack than this, in units of the largest cost, are watched from then on
PULLED: Final = 0.03  # and pulled to so much
ENOUGH_SLACK: Final = 0.01  # that survives the last change, which is small
REFINED_DUAL: Final = (1e-12, 1e-6)  # residuals of the last least squares, and of their refinement
DUAL_ROUNDING: Final = 1e-13  # a misfit of A'mu below this share of the largest cost is rounding
DEEPEST: Final = 30.0  # e-folds of the prior at which the support shows, if the entries are not too far apart
SHALLOWEST: Final = 6.0  # and from which on it is worth looking for,
DEEPER: Final = 1.5  # and again when the depth has grown by so much
LARGE: Final = 1e-3  # entries below this share of the largest are left to the pursuit
SUPPORT_SHARES: Final = (0.1, 1e-3)  # of the largest entry, above which the support may lie
LOWEST: Final = -700.0  # log x from which on x underflows
ABOVE_SIZE: Final = 3.0  # e-folds above the size of x that a prior is beyond what is left of y
