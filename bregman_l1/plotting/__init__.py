"""Pictures; matplotlib is imported only when one is drawn.

Every ``plot`` method, and every picture of a study, keeps the same contract:

- A picture of one panel takes ``ax``, one Axes; a picture of several takes ``axes``, as many Axes in an array or a
  sequence. It draws on them and returns them: the Axes, or a one-dimensional array of Axes.
- Without them it makes a figure, which is ``ax.figure`` or ``axes[0].figure``. With them it makes none, and leaves
  alone whatever else is in theirs. Nothing is shown, and no setting of matplotlib is changed.
- Fonts, sizes, line widths and background are those of the style in use. The colours are those of Okabe and Ito, which
  colour-blind readers can tell apart; marker or line tell the same apart in grey. A backend, and whatever else comes
  back from picture to picture, looks the same in each; `backend_looks` gives pictures of your own the same looks.
- alpha grows to the right.
"""

from bregman_l1.plotting._axes import AxesArray, figure_of
from bregman_l1.plotting._style import Look, backend_looks

__all__ = ["AxesArray", "Look", "backend_looks", "figure_of"]
