"""How Sphinx builds this folder; `make docs` calls it."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

from numpydoc.xref import DEFAULT_LINKS

import pylinear

sys.path.append(str(Path(__file__).parent))

project, author = "pylinear", "The pylinear developers"
version = release = installed("pylinear-dynamics")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "_site",
]
exclude_patterns = ["gallery", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = True

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "none"
# Where file names do not tell capitals from small letters, Gap and gap are one.
autosummary_filename_map = {"pylinear.gap": "pylinear.gap_function"}
numpydoc_show_class_members = False
# Types link to classes of ours alone: those of others are out of reach.
DEFAULT_LINKS.clear()
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {name: f"pylinear.{name}" for name in pylinear.__all__ if name[0].isupper()}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/generated/examples",
    "doc_module": ("pylinear",),
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "_site.strict"),
    "reset_modules_order": "both",
    "image_srcset": ["2x"],
    "thumbnail_size": (640, 448),
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "pylinear"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"**": ["contents"]}
html_theme_options = {
    "navbar_center": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False
