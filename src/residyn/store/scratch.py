"""A folder of one process's own inside a cache: gone when it is left, and swept by others after a kill."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from residyn.errors import ResidynError
from residyn.store.layout import LOCK
from residyn.store.lock import is_held, locked

_ABANDONED_AFTER_S = 3600
_UNLOCKED = ".new"
"""Before the prefix, until the lock is held."""


@contextmanager
def scratch_in(folder: Path, prefix: str) -> Iterator[Path]:
    """A new folder inside `folder`, removed when the context is left; what killed processes left is removed first.

    A process that works holds a lock in its folder, which the kernel drops with it. The folder gets the name that
    others look for when the lock is held already: nobody takes it for a dead one's before. Raises OSError where no
    folder can be made there.
    """
    for left in (*folder.glob(f"{prefix}*"), *folder.glob(f"{_UNLOCKED}{prefix}*")):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{_UNLOCKED}{prefix}", dir=folder))
    try:
        with ExitStack() as held:
            # On a file system without locks its age has to tell.
            with suppress(ResidynError):
                held.enter_context(locked(made, needed=False))
            made = made.rename(folder / made.name.removeprefix(_UNLOCKED))
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    if not folder.name.startswith(_UNLOCKED) and (folder / LOCK).exists():
        return not is_held(folder)
    # Without a lock it was made this moment, or by an earlier version or on a system that has none.
    try:
        return time.time() - folder.lstat().st_mtime >= _ABANDONED_AFTER_S
    except FileNotFoundError:
        return False
