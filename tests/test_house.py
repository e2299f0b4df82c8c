"""The house keeps its shape: arrows point down, every file says where it stands, nothing grows too large."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("penstock", "connect", "sidecars", "schema_registry")
LINES_MAX = 500
FUNCTION_LINES_MAX = 60

GROUND = {"penstock", "penstock.types", "penstock.errors", "penstock.clock", "penstock.settings"}
MEETING_PLACE = {"penstock.topics", "penstock.formats", "penstock.evaluate"}

# Who may know whom (ARCHITECTURE.md, "Rooms and their files"). The longest matching name is a file's room;
# every room also knows itself and the ground floor.
ROOMS: dict[str, set[str]] = {
    "penstock.topics": set(),
    "penstock.formats": set(),
    "penstock.functions": set(),
    "penstock.language": {"penstock.functions"},
    "penstock.plan": {"penstock.language", "penstock.functions", "penstock.formats", "penstock.topics"},
    "penstock.run": {
        "penstock.plan",
        "penstock.language",
        "penstock.functions",
        "penstock.formats",
        "penstock.topics",
    },
    "penstock.evaluate": {"penstock.run", "penstock.plan", "penstock.language", "penstock.functions"},
    "penstock.executor": {
        "penstock.run",
        "penstock.plan",
        "penstock.language",
        "penstock.functions",
        "penstock.formats",
        "penstock.topics",
    },
    "penstock.server": {
        "penstock.executor",
        "penstock.run",
        "penstock.plan",
        "penstock.language",
        "penstock.functions",
        "penstock.formats",
        "penstock.topics",
    },
    "penstock.cases": {
        "penstock.server",
        "penstock.executor",
        "penstock.run",
        "penstock.plan",
        "penstock.language",
        "penstock.functions",
        "penstock.formats",
        "penstock.topics",
    },
    "penstock.client": set(),
    "penstock.replay": {"penstock.topics"},
    "penstock.supervised": set(),
    "penstock.supervisor": {"penstock.supervised"},
    "penstock.cli": {
        "penstock.client",
        "penstock.supervised",
        "penstock.supervisor",
        "penstock.replay",
        "penstock.cases",
        "penstock.executor",
        "penstock.evaluate",
        "penstock.language",
        "penstock.functions",
        "penstock.topics",
    },
    "penstock.__main__": {"penstock.cli"},
    "schema_registry": MEETING_PLACE,
    "connect": MEETING_PLACE,
    "sidecars": MEETING_PLACE,
}
# `penstock models train` and `penstock run` reach over by name ("module:function"), never by import.


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """The longest name that is a room. `penstock` itself is one, but not for a new file beneath it."""
    parts = module.split(".")
    names = [".".join(parts[:size]) for size in range(len(parts), 0, -1)]
    found = next((name for name in names if name in ROOMS or name in GROUND), None)
    return None if found == "penstock" and stands_beneath_penstock(parts) else found


def stands_beneath_penstock(parts: list[str]) -> bool:
    return len(parts) > 1 and bool(list((ROOT / "penstock").glob(f"{parts[1]}*")))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything of ours that a file imports, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, each.name) for each in names if each.name.split(".")[0] in PACKAGES)
            case ast.ImportFrom(module=str(module), names=names, level=0) if module.split(".")[0] in PACKAGES:
                yield from ((node.lineno, f"{module}.{each.name}") for each in names)
            case ast.ImportFrom(level=level) if level:
                yield node.lineno, "a relative import"


def wrong_arrows(path: Path) -> Iterator[str]:
    here = room_of(module_name(path))
    if here is None:
        yield f"{path.relative_to(ROOT)} stands in no room: add it to ROOMS and to ARCHITECTURE.md"
        return
    allowed = ROOMS.get(here, set()) | GROUND | {here}
    for line, target in imports_of(path):
        if room_of(target) not in allowed:
            yield f"{path.relative_to(ROOT)}:{line} ({here}) imports {target}, which is not below it"


FILES = list(python_files(*PACKAGES))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]
WRITTEN = [*FILES, *python_files("tests", "benchmarks")]
WRITTEN_NAMES = [str(path.relative_to(ROOT)) for path in WRITTEN]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_arrows_point_down(path: Path) -> None:
    assert not list(wrong_arrows(path))


@pytest.mark.parametrize("path", WRITTEN, ids=WRITTEN_NAMES)
def test_file_says_where_it_stands_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "the file opens without saying where it stands"
    assert text.count("\n") <= LINES_MAX
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= FUNCTION_LINES_MAX, f"{node.name} at line {node.lineno} has {size} lines"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_library_does_not_print(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls, f"print() at lines {calls}: commands speak through click.echo and rich, the rest logs"


MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:work|root|home/\w+|Users/\w+)/")
TEXTS = (".py", ".md", ".toml", ".ksql", ".yml", ".yaml", ".sh", ".json", ".txt")


def test_nothing_names_a_path_of_one_machine() -> None:
    folders = (*PACKAGES, "ksql", "docs", "tests", "benchmarks", "models", ".github", ".ci")
    texts = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    texts += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXTS]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found
