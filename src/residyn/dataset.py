"""Results as one xarray Dataset, which a notebook shows as a short table."""

from __future__ import annotations

import html
from typing import Self

import xarray as xr

from residyn.schema import BY_KIND, CURVE
from residyn.shown import shortened


class Results(xr.Dataset):
    """A Dataset of results: everything that xarray's does, and in a notebook one row for each quantity.

    xarray's own view of so many results is half a megabyte of page; `print(results)` lists every array.
    """

    __slots__ = ()

    @classmethod
    def of(cls, dataset: xr.Dataset) -> Self:
        """The same variables and attributes."""
        return cls(dataset.data_vars, dataset.coords, dataset.attrs)

    def _repr_html_(self) -> str:
        names = list(map(str, self.data_vars))
        beside = {f"{name}{end}" for name in names for end in (CURVE, BY_KIND)}
        shown = [name for name in names if name not in beside]
        title = [str(self.attrs[name]) for name in ("model", "texts") if self.attrs.get(name)]
        size = f"{len(names)} arrays" + (
            f" of {self.attrs['n_samples']} samples" if "n_samples" in self.attrs else ""
        )
        head = "".join(f"<th>{one}</th>" for one in ("name", "dimensions", "units", "what it is"))
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in self._row(name))}</tr>" for name in shown
        )
        caption = html.escape("residyn results: " + ", ".join([*title, size]))
        note = "NAME_curve and NAME_by_kind stand beside many of them; print(results) lists every array."
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table><p>{note}</p>"

    def _row(self, name: str) -> tuple[str, ...]:
        array = self[name]
        sizes = " × ".join(f"{dim} {size}" for dim, size in array.sizes.items())
        units = str(array.attrs.get("units", ""))
        return name, sizes, "" if units == "1" else units, shortened(str(array.attrs.get("definition", "")), 90)
