"""Catalogues: packages whose modules each hold records, so that adding a record is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TypeVar

Record = TypeVar("Record")


def records_of(package: str, kind: type[Record]) -> tuple[Record, ...]:
    """All records of one type at the top level of a package's modules, by module name and then in their order.

    A package calls it with its own name; whatever module is put into it is found. Each record is given once,
    also where another module imports it.
    """
    path = importlib.import_module(package).__path__
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(path, f"{package}.")]
    records = [value for module in modules for value in vars(module).values() if isinstance(value, kind)]
    return tuple({id(record): record for record in records}.values())
