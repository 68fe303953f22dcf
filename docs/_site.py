"""What this site needs beyond Sphinx's extensions."""

import contextlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pylinear import _cli

_TOP = Path(__file__).parent.parent
# Pages that stand for a file of the top folder.
_OF_THE_TOP = ("contributing", "changelog")
# Links as they are right in a checkout, and where they lead on the site.
_LINKS = {
    r"\]\((?:\.\./)+CONTRIBUTING\.md": "](/contributing.md",
    r"\]\((?:\.\./)+CHANGELOG\.md": "](/changelog.md",
    r"\]\((?:\.\./)*gallery/?\)": "](/auto_gallery/index.rst)",
    r"\]\((?:\.\./)*gallery/(\w+)\.py\)": r"](/auto_gallery/\1.rst)",
}

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


def read_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Put files of the top folder in place of the pages that stand for them, and let links lead to pages."""
    if name in _OF_THE_TOP:
        file = _TOP / f"{name.upper()}.md"
        app.env.note_dependency(file)
        source[0] = re.sub(r"\]\((?![\w+]+:|#)", "](../", file.read_text(encoding="utf-8")).replace("](../docs/", "](")
    for link, page in _LINKS.items():
        source[0] = re.sub(link, page, source[0])


def skip_fields(app: Sphinx, kind: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples, which their class describes."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all that."""
    app.add_directive("command-help", CommandHelp)
    app.connect("source-read", read_page)
    app.connect("autodoc-skip-member", skip_fields)
    return {"parallel_read_safe": True}
