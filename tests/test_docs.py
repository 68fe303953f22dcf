"""Examples in docstrings run and print what they say; those in the README run."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import pylinear

MODULES = [
    module.name
    for module in pkgutil.walk_packages(pylinear.__path__, "pylinear.")
    if module.name not in {"pylinear._pylinear_core", "pylinear.__main__"}
]
ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.core
@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_function_and_class_has_an_example_or_attributes():
    for name in pylinear.__all__:
        thing = getattr(pylinear, name)
        if inspect.ismodule(thing) or (issubclass(type(thing), type) and issubclass(thing, BaseException | Warning)):
            continue
        text = inspect.getdoc(thing)
        assert "Examples\n" in text or "Attributes\n" in text or "Parameters\n" in text, name


def test_every_function_of_theory_and_plots_has_an_example():
    plots = pytest.importorskip("pylinear.plots")
    for module in (pylinear.theory, plots):
        functions = [getattr(module, name) for name in module.__all__ if inspect.isfunction(getattr(module, name))]
        assert len(functions) > 10
        assert [x.__name__ for x in functions if "Examples\n" not in inspect.getdoc(x)] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{page}" for page in PAGES)])
def test_links_lead_somewhere(page):
    path = ROOT / page
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    assert [x for x in targets if "://" not in x and not (path.parent / x).exists()] == []


@pytest.mark.core
def test_python_in_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "animals.csv").write_text("item,can fly,can swim\nRobin,1,0\nSalmon,0,1\nDuck,1,1\n")
    namespace = {}
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, namespace)


@pytest.mark.core
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_of_the_documentation_prints(page):
    blocks = re.findall(r"```pycon\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert blocks
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, page, 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0
