"""How the documentation is built: ``sphinx-build -W --keep-going -n -b html docs OUT``, without a network.

Needs the extra ``docs``. External links are checked by hand, where there is a network:
``sphinx-build -b linkcheck docs OUT``.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from tabular_bellman import __version__  # noqa: E402

project = "tabular_bellman"
version = release = __version__
copyright = "the authors of tabular_bellman; BSD 3-clause licence"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "claims_page",
    "command_line",
    "kill_matrix_page",
    "lesson_pages",
    "mathematics",
    "names",
    "navigation",
    "reference",
]

# -- what is read

include_patterns = ["**.md", "**.rst", "lessons/[0-9]*.py"]
exclude_patterns = ["_build", "_ext", "**/jupyter_execute"]
nitpicky = True
smartquotes = False  # "teacher" is what one types

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# -- lessons: scripts in the percent format, run afresh whenever the site is built

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_in_temp = False  # a lesson imports what lies beside it
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_number_source_lines = False

# -- the reference

default_role = "name"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
add_module_names = False
python_display_short_literal_types = True
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

# -- how it looks: nothing comes from elsewhere

html_theme = "furo"
html_title = "tabular_bellman"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"priority": 600})]
html_search_scorer = str(HERE / "_ext" / "scorer.js")
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b57a4",
        "color-brand-content": "#0b57a4",
        "color-brand-visited": "#5b3f9e",
        "color-api-name": "#0a5c36",
        "color-api-pre-name": "#0a5c36",
    },
    "dark_css_variables": {
        "color-brand-primary": "#86bdf5",
        "color-brand-content": "#86bdf5",
        "color-brand-visited": "#b9a6f2",
        "color-api-name": "#6fd39b",
        "color-api-pre-name": "#6fd39b",
    },
}
