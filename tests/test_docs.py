"""Examples in docstrings run and print what they say; those in the README run."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import pylinear
from pylinear._cli import main

MODULES = [
    module.name
    for module in pkgutil.walk_packages(pylinear.__path__, "pylinear.")
    if module.name not in {"pylinear._pylinear_core", "pylinear.__main__"}
]
ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
SESSIONS = {page: re.findall(r"```pycon\n(.*?)```", (ROOT / page).read_text(), re.DOTALL) for page in PAGES}


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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *PAGES])
def test_links_lead_somewhere(page):
    path = ROOT / page
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    made = "auto_gallery", "generated"  # by the build of the site, and not there before
    assert [x for x in targets if "://" not in x and not (path.parent / x).exists()] == []
    assert [x for x in targets if any(folder in x for folder in made)] == []


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
@pytest.mark.parametrize("page", [page for page, blocks in SESSIONS.items() if blocks])
def test_what_a_page_of_the_documentation_prints(page, monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    examples = doctest.DocTestParser().get_doctest("\n".join(SESSIONS[page]), {}, page, page, 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


def listed(page):
    """Return the names in the tables of a page of the reference."""
    text = (ROOT / "docs/api" / page).read_text()
    tables = re.findall(r"autosummary::\n   :toctree: generated\n\n((?:   \w+\n)+)", text)
    return sorted(" ".join(tables).split())


@pytest.mark.parametrize("name", ["pylinear", "pylinear.theory", "pylinear.plots"])
def test_every_public_name_is_on_a_page_of_the_reference(name):
    if name == "pylinear.plots":
        pytest.importorskip("matplotlib")
    module = importlib.import_module(name)
    names = [x for x in module.__all__ if not inspect.ismodule(getattr(module, x))]
    page = {"pylinear": "index.md"}.get(name, f"{name.partition('.')[2]}.md")
    assert listed(page) == sorted(names)


def test_every_command_is_on_its_page(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.search(r"\{(.*?)\}", capsys.readouterr().out)[1].split(",")
    page = (ROOT / "docs/api/command_line.md").read_text()
    assert re.findall(r"\{command-help\} (\w+)", page) == re.findall(r"## pylinear (\w+)", page)
    assert sorted(re.findall(r"\{command-help\} (\w+)", page)) == sorted(commands)


def test_every_decision_is_on_their_page():
    folder = ROOT / "docs/decisions"
    found = re.findall(r"^- \[(.*)\]\((.*)\)$", (folder / "index.md").read_text(), re.MULTILINE)
    titles = {path.name: path.read_text().splitlines()[0].removeprefix("# ") for path in folder.glob("0*.md")}
    assert {name: title for title, name in found} == titles
