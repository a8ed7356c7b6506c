"""Docstrings as Markdown: what they align for a terminal becomes lists, examples become code."""

from __future__ import annotations

import re

_ALIGNED = re.compile(r"^(\S.*?)(?: {2,}|$)(.*)$")
_NAMED = re.compile(r"^([a-z_]+(?:, [a-z_]+)*):\s+(.*)$")


def markdown(docstring: str, parameters: frozenset[str] = frozenset()) -> str:
    """A docstring as Markdown. Lines that begin with the name of a parameter and a colon become a list."""
    blocks = re.split(r"\n\s*\n", docstring.strip())
    return "\n\n".join(_block(block, parameters) for block in blocks)


def _block(block: str, parameters: frozenset[str]) -> str:
    lines = block.splitlines()
    if lines[0].startswith(">>>"):
        return "\n".join(["```pycon", *lines, "```"])
    if lines[0].startswith(("- ", "```")):
        return block
    aligned = [line for line in lines if not line.startswith(" ")]
    if len(lines) > 1 and all(_is_aligned(line, lines) for line in aligned):
        return _as_list(lines, _ALIGNED)
    if (found := _NAMED.match(lines[0])) and set(found[1].split(", ")) <= parameters:
        return _as_list(_a_line_each(lines, parameters), _NAMED, parameters)
    if any(line.startswith("    ") for line in lines):
        return _as_list(lines, None)
    return block


def _a_line_each(lines: list[str], parameters: frozenset[str]) -> list[str]:
    """The lines of a block in which each parameter that is told after another one begins a line of its own."""
    text = " ".join(line.strip() for line in lines)
    starts = [0]
    for found in re.finditer(r"(?<=[.;]) ([a-z_]+(?:, [a-z_]+)*): ", text):
        if set(found[1].split(", ")) <= parameters:
            starts.append(found.start() + 1)
    return [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _is_aligned(line: str, lines: list[str]) -> bool:
    """Whether a line is a name, blanks and what it means, or a name whose meaning is on the next line."""
    found = _ALIGNED.match(line)
    if found is None:
        return False
    following = lines[lines.index(line) + 1 : lines.index(line) + 2]
    return bool(found[2]) or (len(line) < 50 and bool(following) and following[0].startswith("      "))


def _as_list(lines: list[str], head: re.Pattern[str] | None, parameters: frozenset[str] | None = None) -> str:
    """Items of a list: each begins with a line that is not indented and, where there is a pattern, matches it."""
    items: list[str] = []
    for line in lines:
        found = None if line.startswith(" ") else (head.match(line) if head is not None else True)
        if isinstance(found, re.Match) and parameters is not None and not set(found[1].split(", ")) <= parameters:
            found = None
        if found is None and items:
            items[-1] = f"{items[-1]} {line.strip()}"
        elif isinstance(found, re.Match):
            items.append(f"- **{found[1]}**: {found[2]}".rstrip())
        else:
            items.append(f"- {line.strip()}")
    return "\n".join(items)
