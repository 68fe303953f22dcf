"""What this site needs beyond Sphinx's extensions."""

import contextlib
import io
import os
import re
import warnings
from typing import Any
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pylinear import _cli

# Files of the top folder that are pages of the site, by the place that links lead to in a checkout.
_PAGES = re.compile(r"\]\((?:\.\./)+(CONTRIBUTING|CHANGELOG)\.md")

_example = contextlib.ExitStack()


class CommandHelp(SphinxDirective):
    """What `pylinear COMMAND --help` prints."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help of the command as it is now."""
        text = io.StringIO()
        with contextlib.redirect_stdout(text), mock.patch.dict(os.environ, COLUMNS="96", NO_COLOR="1"):
            try:
                _cli.main([self.arguments[0], "--help"])
            except SystemExit as end:
                if end.code:
                    raise self.error(f"pylinear has no command {self.arguments[0]}") from end
        return [nodes.literal_block(text.getvalue(), text.getvalue(), language="text")]


def strict(gallery_conf: dict[str, Any], name: str, when: str) -> None:
    """Let an example of the gallery fail where it warns."""
    _example.close()
    if when == "before":
        _example.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")


def link_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to files of the top folder lead to the pages that include them."""
    source[0] = _PAGES.sub(lambda found: f"](/{found[1].lower()}.md", source[0])


def skip_fields(app: Sphinx, kind: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples, which their class describes."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all that."""
    app.add_directive("command-help", CommandHelp)
    app.connect("source-read", link_pages)
    app.connect("autodoc-skip-member", skip_fields)
    return {"parallel_read_safe": True}
