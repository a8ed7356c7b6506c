"""The pages of the reference of Python: every public name, with its signature, docstring and example."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.util.inspect import stringify_signature

from docstrings import markdown
from pages import write_pages
from public_names import PREAMBLE, public_names
from residyn.quantities.record import Quantity
from residyn.settings.base import Settings, fields_of

ROOMS = {
    "residyn.pipeline": ("runs", "Whole runs"),
    "residyn.model": ("capture", "Models, texts and capture"),
    "residyn.schema": ("states", "States"),
    "residyn.adapters": ("states", "States"),
    "residyn.store": ("states", "States"),
    "residyn.executors": ("states", "States"),
    "residyn.quantities": ("analyses", "Analyses"),
    "residyn.runs": ("analyses", "Analyses"),
    "residyn.spaces": ("spaces", "Spaces of principal components"),
    "residyn.nulls": ("nulls", "Nulls"),
    "residyn.teleports": ("teleports", "Teleports"),
    "residyn.claims": ("claims", "Claims"),
    "residyn.comparison": ("claims", "Claims"),
    "residyn.figures": ("figures", "Figures"),
    "residyn.report": ("figures", "Figures"),
    "residyn.explorer": ("figures", "Figures"),
    "residyn.settings": ("settings", "Settings and errors"),
    "residyn.errors": ("settings", "Settings and errors"),
}
"""By the module that a name is of: the page that has it, and the page's title, in the order of the pages."""
QUANTITIES = ("quantities", "Quantities along depth")
MODULE = ":module: residyn"
NAMESPACES = {"plot": ("plots", "Plots"), "targets": ("targets", "Targets of teleports")}

INDEX = """# Python

Everything is under `import residyn as rd`. The examples of these pages are run by the tests. They begin with

```python
{preamble}
```

unless they say otherwise: 60 random walks over four layers of 16 units, which take no time and no download.
Where an example has a `run`, it is `run = rd.open_run(DIR)` of a small run that `residyn run` made; where it has
a `model`, `model = rd.load_model("smollm2-135m")`.

States are [xarray](https://docs.xarray.dev) arrays (sample, sublayer, unit), results carry their definition,
units, source and number of samples as attributes, and every error that residyn raises on purpose is a
`residyn.ResidynError`.

{table}

```{{toctree}}
:hidden:

{pages}
```
"""


def write_api(folder: Path) -> None:
    """Write a page for each room of public names, and their index."""
    rooms: dict[tuple[str, str], dict[str, Any]] = {}
    for place in (*ROOMS.values(), QUANTITIES, *NAMESPACES.values()):
        rooms.setdefault(place, {})
    for name, value in public_names().items():
        rooms[_place(name, value)][name] = value
    pages = {f"{stem}.md": _page(title, names) for (stem, title), names in rooms.items()}
    pages["index.md"] = INDEX.format(
        preamble=PREAMBLE,
        table="\n".join(_rows(rooms)),
        pages="\n".join(stem for stem, _ in rooms),
    )
    write_pages(folder, pages)


def _place(name: str, value: Any) -> tuple[str, str]:
    if "." in name:
        return NAMESPACES[name.split(".", maxsplit=1)[0]]
    if isinstance(value, Quantity):
        return QUANTITIES
    module = getattr(value, "__module__", "") or "residyn.nulls"
    return ROOMS[".".join(module.split(".")[:2]) if module.startswith("residyn.") else "residyn.nulls"]


def _rows(rooms: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    yield "| page | names |"
    yield "|---|---|"
    for (stem, title), names in rooms.items():
        yield f"| [{title}]({stem}.md) | {', '.join(f'`{name}`' for name in sorted(names))} |"


def _page(title: str, names: dict[str, Any]) -> str:
    entries = "\n".join(_entry(name, names[name]) for name in sorted(names))
    return f"# {title}\n\n{entries}"


def _entry(path: str, value: Any) -> str:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return _directive("py:exception", path, markdown(inspect.getdoc(value) or ""), MODULE)
    if inspect.isclass(value):
        return _class(path, value)
    if isinstance(value, dict):
        return _directive("py:data", path, _mapping(value), MODULE)
    # A quantity's methods stand on the class that all of them are of.
    return _directive("py:function", f"{path}{_signature(value)}", _text(value), MODULE)


def _class(path: str, value: type) -> str:
    if issubclass(value, Settings):
        return _directive("py:class", path, f"{markdown(inspect.getdoc(value) or '')}\n\n{_fields(value)}", MODULE)
    members = "\n".join(_members(value))
    return _directive("py:class", f"{path}{_signature(value)}", f"{_text(value)}\n\n{members}", MODULE, depth=4)


def _members(value: type) -> Iterator[str]:
    for name, member in vars(value).items():
        if name.startswith("_") or not inspect.getdoc(member) or name == "shown":
            continue
        if inspect.isfunction(member):
            yield _directive("py:method", f"{name}{_signature(member, bound=True)}", _text(member))
        elif isinstance(member, classmethod):
            yield _directive(
                "py:method", f"{name}{_signature(getattr(value, name))}", _text(member.__func__), ":classmethod:"
            )
        elif not isinstance(member, str | int | float | tuple | type(None)) and hasattr(member, "__get__"):
            yield _directive("py:property", name, markdown(inspect.getdoc(member) or ""))


def _text(value: Any) -> str:
    known = frozenset(inspect.signature(value).parameters)
    return markdown(inspect.getdoc(value) or "", known)


def _signature(value: Any, *, bound: bool = False) -> str:
    signature = inspect.signature(value)
    if inspect.isclass(value):
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    if bound:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    defaults = {
        name: parameter.replace(default=_Shown(parameter.default))
        if _has_address(parameter.default)
        else parameter
        for name, parameter in signature.parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    parameters = [defaults.get(name, parameter) for name, parameter in signature.parameters.items()]
    return stringify_signature(signature.replace(parameters=parameters), unqualified_typehints=True)


def _has_address(value: Any) -> bool:
    return " at 0x" in repr(value)


class _Shown:
    """A default that would be shown with its address in memory, by its name."""

    def __init__(self, value: Any) -> None:
        self.name = getattr(value, "__name__", type(value).__name__)

    def __repr__(self) -> str:
        return self.name


def _fields(value: type[Settings]) -> str:
    rows = ["| setting | what it is | default |", "|---|---|---|"]
    rows += [f"| `{field.name}` | {field.description} | `{field.default!r}` |" for field in fields_of(value)]
    return "\n".join(rows)


def _mapping(value: dict[str, Any]) -> str:
    rows = [
        "The nulls by their names.",
        "",
        "| name | what it makes | preserves | destroys |",
        "|---|---|---|---|",
    ]
    rows += [f"| `{name}` | {null.title} | {null.preserves} | {null.destroys} |" for name, null in value.items()]
    return "\n".join(rows)


def _directive(kind: str, argument: str, content: str, *options: str, depth: int = 3) -> str:
    fence = ":" * depth
    return "\n".join([f"{fence}{{{kind}}} {argument}", *options, "", content, fence, ""])
