"""How Sphinx builds the site: `make docs`.

Pages that follow from the code (every public name, every panel, llms.txt) are written before each build, into
`_generated/`, which git ignores. Nothing is taken from the network.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import residyn  # noqa: E402 - what is beside it can be imported now
from api_pages import write_api  # noqa: E402
from gallery_page import write_gallery  # noqa: E402
from llms_txt import write_llms_txt  # noqa: E402
from pages import write_page  # noqa: E402
from root_pages import write_root_pages  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "residyn"
author = "The residyn authors"
copyright = "the residyn authors; Apache-2.0"
version = release = residyn.__version__

extensions = ["myst_nb", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_ext", "**/runs"]
nitpicky = True
smartquotes = False
python_maximum_signature_line_length = 110
toc_object_entries_show_parents = "hide"
# Types of other libraries: their indexes are on the network.
nitpick_ignore_regex = [("py:class", ".*")]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# Each notebook is run in every build, in the folder that holds the small run: an output is never an old one.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "residyn"
html_static_path = ["_static"]
# Pages without others below them have no list of these on their left.
html_sidebars = {
    name: [] for name in ("start", "models", "recipes", "_generated/gallery", "glossary", "citing", "benchmarks")
}
html_css_files = ["residyn.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navigation_depth": 2,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


WORK = HERE.parent / "build" / "docs-work"
KERNEL = """c.IPKernelApp.log_level = 40
c.InteractiveShellApp.exec_lines = [
    "import warnings", "warnings.filterwarnings('ignore', 'IProgress not found')", "del warnings"
]
"""
"""Kernels run with these settings, not with the user's: no line about sockets or bars."""


def setup(app: Sphinx) -> None:
    """Have generated pages written before a build, and llms.txt after it."""
    os.environ["RESIDYN_DOCS_WORK"] = str(WORK)
    os.environ["IPYTHONDIR"] = str(WORK / "ipython")
    # A page shows what a cell gives, and not how long this machine took for it.
    os.environ["TQDM_DISABLE"] = "1"
    app.connect("builder-inited", _write)
    app.connect("build-finished", write_llms_txt)


def _write(_: Sphinx) -> None:
    generated = HERE / "_generated"
    write_api(generated / "api")
    write_gallery(generated / "gallery.md", WORK / "runs" / "small")
    write_root_pages(generated / "root")
    write_page(WORK / "ipython" / "profile_default" / "ipython_kernel_config.py", KERNEL)
