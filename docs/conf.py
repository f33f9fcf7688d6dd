"""The documentation site: ``sphinx-build -W --keep-going docs build/docs``. The build needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

import bregman_l1  # noqa: E402 - from this checkout

project = "bregman_l1"
author = "The bregman_l1 developers"
project_copyright = author
version = release = bregman_l1.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # the site holds its own copy of MathJax: formulas show without a network
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "made_pages",
    "plain_docstrings",
]
exclude_patterns = ["_ext", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True  # notebooks set displayed formulas within a paragraph
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are committed with their outputs, and the tests execute them

# The docstrings say the types; the signatures stay short.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the class template lists them
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    "ndarray": "numpy.ndarray",
    "array_like": "numpy.typing.ArrayLike",
    "sequence": "collections.abc.Sequence",
    "boolean": "bool",
    "bool": "bool",
    "Axes": "matplotlib.axes.Axes",
    "Figure": "matplotlib.figure.Figure",
}
numpydoc_xref_ignore = "all"

# Lists of the few names that are linked to, in the plain text of inventories of version 1: the build is the same
# without a network.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", "inventories/python.inv"),
    "numpy": ("https://numpy.org/doc/stable/", "inventories/numpy.inv"),
    "matplotlib": ("https://matplotlib.org/stable/", "inventories/matplotlib.inv"),
}

html_theme = "pydata_sphinx_theme"
html_title = "bregman_l1"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
}
html_sidebars = {"*": []}  # only the tutorials and the reference have so many pages that a list helps

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
