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


@contextmanager
def scratch_in(folder: Path, prefix: str) -> Iterator[Path]:
    """A new folder inside `folder`, removed when the context is left; what killed processes left is removed first.

    A process that works holds a lock in its folder, which the kernel drops with it. Raises OSError where no folder
    can be made there.
    """
    for left in folder.glob(f"{prefix}*"):
        # Without a lock it was made this moment, or by an earlier version or on a system that has none.
        young = time.time() - left.lstat().st_mtime < _ABANDONED_AFTER_S
        if left.is_dir() and not left.is_symlink() and not (is_held(left) if (left / LOCK).exists() else young):
            shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as made,
        ExitStack() as held,
    ):
        # On a file system without locks its age has to tell.
        with suppress(ResidynError):
            held.enter_context(locked(Path(made), needed=False))
        yield Path(made)
