"""The gallery: every panel of the registry with the code that draws it, run when the site is built.

The code of a panel is read off its record: what its `draw` calls, in the words of someone who has a run.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType

import residyn as rd
from pages import write_page
from residyn.figures import plot, registry
from residyn.figures.figure1 import sites_of
from residyn.figures.panel import Inputs, Panel
from residyn.quantities.record import Quantity
from residyn.quantities.registry import quantities

HEADER = """---
file_format: mystnb
kernelspec:
  name: python3
---
# Gallery

Every panel there is, drawn from one small run: SmolLM2-135M-Instruct, quantised to 4 bits, on 60 short texts,
which is fewer than a result asks for. What each shows: [Figure 1, panel by panel](../figure1.md); what its numbers
are: [the table of quantities](../quantities.md). Each takes `ax=`, and returns the axes.

```{code-cell} python3
:tags: [remove-cell]
import os

os.chdir(os.environ["RESIDYN_DOCS_WORK"])
```

```{code-cell} python3
import residyn as rd

run = rd.open_run("runs/small")
```
"""
SITES = "SiteMap.from_json(run.results.attrs['sites'])"
_MEANT = {
    "inputs.results": "run.results",
    "inputs.sites": SITES,
    "inputs.jacobians": "run.jacobians",
    "inputs.outputs": "run.outputs",
    "inputs.order": "run.results['mean_activation']['rank'].values",
    "inputs.teleports.flow": "run.teleports['flow']",
    "inputs.teleports.summary": "run.teleports['summary']",
    "inputs.teleports.returns": "run.teleports['return_fraction']",
}
"""What panels are drawn from, as a run has it."""
_WIDEST = 88
_LEFT_OUT = ("ax", "host", "reference", "noise")
"""Arguments of drawers that say where to draw, or lay something else over what is drawn."""


def write_gallery(path: Path, run: Path | None = None) -> None:
    """Write the page of every panel in the registry, and of every quantity that has the generic panel.

    What cannot be drawn of the run in this directory is shown with its code, which is not run then.
    """
    drawn = drawn_of(run) if run is not None else {panel.stem for panel in registry.declared()}
    sections = [_panel(panel, panel.stem in drawn) for panel in registry.declared()]
    sections += [_generic(quantity) for quantity in generic_quantities()]
    write_page(path, "\n".join([HEADER, *sections]))


def generic_quantities() -> list[Quantity]:
    """The quantities whose curves are drawn without a panel of their own."""
    shown = {name for panel in registry.declared() for name in panel.needs}
    found = [each for each in quantities().values() if each.drawing == "curve" and each.axis != "path"]
    return [each for each in found if not {each.name, f"{each.name}_curve"} & shown]


def drawn_of(directory: Path) -> set[str]:
    """The stems of the panels that can be drawn of a run."""
    run = rd.open_run(directory)
    found = run.teleports
    moved = rd.Teleports(found["flow"], found["summary"], found["return_fraction"]) if found else None
    inputs = Inputs(run.results, sites_of(run.results), moved, run.noise_floor, False, run.jacobians, run.outputs)
    return {panel.stem for panel in registry.declared() if panel.can_be_drawn(inputs)}


def code_of(panel: Panel) -> str:
    """The code that draws a panel of a run: the drawer that its record calls, else the record itself."""
    try:
        call, module = _call(panel)
    except LookupError:
        return _by_record(panel)
    function = call.func.id if isinstance(call.func, ast.Name) else ""
    public = function in plot.__all__
    if not hasattr(module, function) or function.startswith("_"):
        return _by_record(panel)
    call = _Meant(module).visit(call)
    call.keywords = [word for word in call.keywords if word.arg not in _LEFT_OUT]
    if public:
        call.func = ast.parse(f"rd.plot.{function}", mode="eval").body
    code = _laid_out(ast.fix_missing_locations(call))
    if any(isinstance(node, ast.Name) and node.id == "inputs" for node in ast.walk(ast.parse(code))):
        return _by_record(panel)
    imports = [] if public else [f"from {module.__name__} import {function}"]
    imports += ["from residyn.sitemap import SiteMap"] if "SiteMap" in code else []
    return "\n".join([*imports, *([""] if imports else []), code.replace("'", '"')])


def _laid_out(call: ast.Call) -> str:
    """A call in one line, or with a line for each argument where that would be too long."""
    code = ast.unparse(call)
    if len(code) <= _WIDEST:
        return code
    lines = [f"    {ast.unparse(argument)}," for argument in (*call.args, *call.keywords)]
    return "\n".join([f"{ast.unparse(call.func)}(", *lines, ")"])


def _by_record(panel: Panel) -> str:
    return (
        "from residyn.figures.layout import alone\nfrom residyn.figures.panel import Inputs\n"
        "from residyn.figures.registry import declared\n\n"
        f'panel = next(panel for panel in declared() if panel.stem == "{panel.stem}")\n'
        "alone(panel, Inputs(run.results))"
    )


def _panel(panel: Panel, drawn: bool) -> str:
    needs = ", ".join(f"`{name}`" for name in panel.needs)
    return _section(panel.title, _where(panel), panel.definition, needs, code_of(panel), drawn=drawn)


def _where(panel: Panel) -> str:
    if panel.letter:
        return f"Panel {panel.letter}"
    if panel.beside:
        return f"Beside panel {panel.beside}"
    return f"In the figure of {panel.figure}" if panel.figure else "Beside Figure 1"


def _generic(quantity: Quantity) -> str:
    title = (quantity.title or quantity.name.replace("_", " ")).strip()
    code = f'from residyn.figures import generic\n\ngeneric.draw(run.results["{quantity.name}_curve"])'
    definition = f"{quantity.definition[:1].upper()}{quantity.definition[1:]}."
    return _section(
        title[:1].upper() + title[1:], "The curve of a quantity", definition, f"`{quantity.name}_curve`", code
    )


def _section(title: str, where: str, definition: str, needs: str, code: str, *, drawn: bool = True) -> str:
    of = f" Of {needs}." if needs else ""
    said = f" {definition}" if definition else ""
    lacking = "" if drawn else " Not drawn here: the small run has not what it needs."
    block = "{code-cell} python3" if drawn else "python"
    return f"## {title}\n\n{where}.{of}{said}{lacking}\n\n```{block}\n{code}\n```\n"


def _call(panel: Panel) -> tuple[ast.Call, ModuleType]:
    """The call that a panel's record makes to be drawn, with what private functions of its module do put in."""
    module = inspect.getmodule(panel.draw)
    if module is None:
        raise LookupError(panel.stem)
    tree = ast.parse(inspect.getsource(module))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for record in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        words = {word.arg: word.value for word in record.keywords}
        stem = words.get("stem")
        if isinstance(stem, ast.Constant) and stem.value == panel.stem and "draw" in words:
            draw = words["draw"]
            body = (
                draw.body
                if isinstance(draw, ast.Lambda)
                else ast.parse(f"{ast.unparse(draw)}(inputs, ax)").body[0].value
            )
            body = _PutIn(functions).visit(body)
            if isinstance(body, ast.Call):
                return body, module
    raise LookupError(panel.stem)


class _PutIn(ast.NodeTransformer):
    """Calls of private functions of a module become what these return, with arguments and local names put in."""

    def __init__(self, functions: dict[str, ast.FunctionDef]) -> None:
        self.functions = functions

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if not name.startswith("_") or name not in self.functions:
            return node
        function = self.functions[name]
        arguments = [argument.arg for argument in function.args.args]
        defaults = dict(zip(reversed(arguments), reversed(function.args.defaults), strict=False))
        known = {**defaults, **dict(zip(arguments, node.args, strict=False))}
        for line in function.body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                known[line.targets[0].id] = _Named(known).visit(line.value)
        returned = function.body[-1]
        if not isinstance(returned, ast.Return) or returned.value is None:
            return node
        return self.visit(_Named(known).visit(returned.value))


class _Named(ast.NodeTransformer):
    """Names become what they stand for."""

    def __init__(self, known: dict[str, ast.expr]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.known.get(node.id, node)


class _Meant(ast.NodeTransformer):
    """What panels are drawn from, as a run has it; constants as their values, conditions as what they allow."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        meant = _MEANT.get(ast.unparse(node))
        return ast.parse(meant, mode="eval").body if meant else self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self.visit(node.body)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return self.visit(node.values[0])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        if not all(isinstance(part, ast.Constant) for part in parts):
            return node
        return ast.Constant("".join(str(part.value) for part in parts if isinstance(part, ast.Constant)))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = getattr(self.module, node.id, None)
        return (
            ast.Constant(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else node
        )
