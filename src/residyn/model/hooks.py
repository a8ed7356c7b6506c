"""The only hook registrations: reading and writing the stream while a model runs, and always letting go."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from residyn.errors import ModelError, ResidynError, UsageError
from residyn.sitemap import Site, SiteMap

End = Literal["input", "output"]


class Tap(NamedTuple):
    """One end of a module: the tensor that enters it or the one that leaves it."""

    module: str
    where: End

    def __str__(self) -> str:
        return f"{self.where} of {self.module}"


def taps_of(sites: Sequence[Site]) -> list[Tap]:
    """Where each site's state is read."""
    return [Tap(site.module, site.where) for site in sites]


def summed_at(sites: SiteMap, index: int) -> Tap:
    """Where the sum of a state and what is written to it can be read next."""
    site = sites.sites[index]
    if site.norm:
        return Tap(site.norm, "input")
    if index + 1 < len(sites.sites):
        return taps_of(sites.sites[index + 1 : index + 2])[0]
    return last_block(sites)


def last_block(sites: SiteMap) -> Tap:
    """Where the stream leaves the last block."""
    return Tap(f"{sites.blocks}.{sites.sites[-1].layer}", "output")


class _PassIsDone(Exception):
    """Raised inside the last hook: nothing after it is needed."""


def entering(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.Tensor | None:
    """The stream among a module's arguments: its first tensor, or the one named hidden_states."""
    if args and isinstance(args[0], torch.Tensor):
        return args[0]
    named = kwargs.get("hidden_states")
    if isinstance(named, torch.Tensor):
        return named
    return next((value for value in kwargs.values() if isinstance(value, torch.Tensor)), None)


def leaving(output: Any) -> torch.Tensor | None:
    """The tensor a module returns; of a tuple, the first (attention weights and router scores follow it)."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


def find_module(root: nn.Module, path: str) -> nn.Module:
    """The submodule at a dotted path; the empty path is the model itself. Raises ModelError."""
    try:
        return root.get_submodule(path)
    except AttributeError:
        raise ModelError(
            f"{type(root).__name__} has no module {path!r}, which the map of sites names. "
            "Look at `residyn check MODEL`, and give a map of this model's own modules."
        ) from None


@contextmanager
def read(
    root: nn.Module,
    taps: Sequence[Tap],
    on_state: Callable[[int, torch.Tensor], None],
    *,
    stop: bool = False,
    strict: bool = True,
    heeded: Callable[[], bool] = lambda: True,
) -> Iterator[Callable[[], None]]:
    """While the context is open, every pass through `root` hands tap i's tensor to `on_state(i, tensor)`.

    The tensor is the model's own, and may be changed in place further on: whoever keeps it copies it. With
    `stop` the pass ends as soon as every tap was read once; run it through `run`, which expects that. Where a
    module takes or returns no tensor, `strict` raises ModelError, and otherwise it is passed over. Passes while
    which `heeded` is false go on as if nobody read them. Hooks are removed whatever happens inside. What the
    context gives is to be called before a pass that follows one which failed: it forgets what that one read.
    """
    waiting = set(range(len(taps)))

    def seen(index: int, tensor: torch.Tensor | None) -> None:
        if not heeded() or (tensor is None and not strict):
            return
        on_state(index, _found(tensor, taps[index]))
        waiting.discard(index)
        if stop and not waiting:
            waiting.update(range(len(taps)))
            raise _PassIsDone

    with _at(root, taps, seen):
        yield lambda: waiting.update(range(len(taps)))


@contextmanager
def write(root: nn.Module, taps: Sequence[Tap], change: Callable[[int, torch.Tensor], None]) -> Iterator[None]:
    """While the context is open, every pass through `root` lets `change(i, tensor)` alter tap i's tensor in place.

    In place, because a block keeps the same tensor for its skip path before it hands it to a norm: a new tensor
    given to the norm would reach the branch alone, and the skip path would carry the old state on. Readers that
    are opened inside the context see the changed tensor. Raises ModelError where a module takes or returns no
    tensor. Hooks are removed whatever happens inside.
    """
    with _at(root, taps, lambda index, tensor: change(index, _found(tensor, taps[index]))):
        yield


@contextmanager
def rewrite(
    root: nn.Module, paths: Sequence[str], change: Callable[[int, dict[str, Any]], None]
) -> Iterator[None]:
    """While the context is open, `change(i, arguments)` may replace what the i-th of these modules is called with.

    `arguments` holds every argument under its name in the module's forward, however it was passed, in the order
    of the signature. Only for whole blocks: what enters a block reaches its branches and its skip path alike.
    Hooks are removed whatever happens inside.
    """

    def before(index: int, module: nn.Module) -> Callable[..., tuple[tuple[()], dict[str, Any]]]:
        signature = inspect.signature(module.forward)
        rest = [name for name, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD]

        def called(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            arguments = dict(signature.bind(*args, **kwargs).arguments)
            for name in rest:
                arguments |= arguments.pop(name, {})
            change(index, arguments)
            return (), arguments

        return called

    with ExitStack() as stack:
        for index, path in enumerate(paths):
            module = find_module(root, path)
            handle = module.register_forward_pre_hook(before(index, module), with_kwargs=True)
            stack.callback(handle.remove)
        yield


@contextmanager
def bypass(
    root: nn.Module,
    paths: Sequence[str],
    instead: Callable[[int, torch.Tensor], torch.Tensor],
    forms: dict[str, int | None],
) -> Iterator[None]:
    """While the context is open, these modules compute nothing: the i-th returns `instead(i, stream)`.

    The stream is the one that enters it. What is returned has the form that the module itself returns, a tensor or
    a tuple that begins with one; what else a tuple holds is None. `forms` has the length of each one's tuple by
    its path, None for a tensor: a module that is not there computes once, to show it. The modules are as they
    were whatever happens inside.
    """

    def around(index: int, path: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if path not in forms:
                output = plain(*args, **kwargs)
                forms[path] = len(output) if isinstance(output, tuple | list) else None
            stream = instead(index, _found(entering(args, kwargs), Tap(path, "input")))
            further = forms[path]
            return stream if further is None else (stream, *[None] * (further - 1))

        return forward

    with ExitStack() as stack:
        for index, path in enumerate(paths):
            module = find_module(root, path)
            before = vars(module).get("forward")
            stack.callback(_put_back, module, before)
            module.forward = around(index, path, module.forward)
        yield


def _put_back(module: nn.Module, forward: Callable[..., Any] | None) -> None:
    """Have a module compute as before: by a function of its own, where it had one, else as its class says."""
    if forward is None:
        vars(module).pop("forward", None)
    else:
        module.forward = forward


def _found(tensor: torch.Tensor | None, tap: Tap) -> torch.Tensor:
    if tensor is None:
        raise ModelError(
            f"No tensor was found at the {tap}: the residual stream does not pass there. "
            "Give a map of this model's own modules."
        )
    return tensor


@contextmanager
def _at(root: nn.Module, taps: Sequence[Tap], seen: Callable[[int, torch.Tensor | None], None]) -> Iterator[None]:
    """Call `seen` with what passes each tap, as long as the context is open."""

    def before(index: int) -> Callable[..., None]:
        return lambda _module, args, kwargs: seen(index, entering(args, kwargs))

    def after(index: int) -> Callable[..., None]:
        return lambda _module, _args, output: seen(index, leaving(output))

    with ExitStack() as stack:
        for index, tap in enumerate(taps):
            module = find_module(root, tap.module)
            handle = (
                module.register_forward_pre_hook(before(index), with_kwargs=True)
                if tap.where == "input"
                else module.register_forward_hook(after(index))
            )
            stack.callback(handle.remove)
        yield


def run(root: nn.Module, input_ids: torch.Tensor, **kwargs: Any) -> Any:
    """One forward pass without gradients; None where a `read(..., stop=True)` ended it early.

    Without a cache, unless `use_cache` says otherwise. Raises UsageError where torch.autocast is on: it would make
    states of another number format than the model's, of which no record tells.
    """
    # Products with sparse weights count versions of tensors, which inference mode has none of.
    plain = all(parameter.layout is torch.strided for parameter in root.parameters())
    with torch.inference_mode() if plain else torch.no_grad():
        return run_as_set(root, input_ids, **kwargs)


def run_as_set(root: nn.Module, input_ids: torch.Tensor, **kwargs: Any) -> Any:
    """As `run`, with gradients or without, as torch is set: tensors of inference mode have none later either."""
    kind = input_ids.device.type
    if torch.is_autocast_enabled(kind):
        raise UsageError(
            f"torch.autocast is on for {kind}: parts of the model would compute in "
            f"{torch.get_autocast_dtype(kind)}, whatever its own number format. Leave that context, and convert "
            "the model where that format is wanted (model.bfloat16())."
        )
    try:
        return root(input_ids=input_ids, **{"use_cache": False, **kwargs})
    except _PassIsDone:
        return None
    except ResidynError:
        raise
    except Exception as error:
        if out_of_memory(error) or _is_ours(error):
            raise
        raise ForwardError(
            f"The forward pass of {type(root).__name__} failed, in code that is not residyn's "
            f"({type(error).__name__}: {' '.join(str(error).split())[:300]}). The model, its config or "
            "code, or a hook on it cannot run these tokens: try the model by itself on the same text."
        ) from error


class ForwardError(ModelError):
    """The model's own code failed in a forward pass; what it raised is the cause."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _is_ours(error: BaseException) -> bool:
    """Whether an error was raised by what residyn does inside the pass, and not by the model."""
    step = error.__traceback__.tb_next if error.__traceback__ else None
    while step is not None:
        if str(step.tb_frame.f_globals.get("__name__", "")).startswith("residyn."):
            return True
        step = step.tb_next
    return False


def collect(root: nn.Module, taps: Sequence[Tap], input_ids: torch.Tensor, **kwargs: Any) -> list[torch.Tensor]:
    """Copies of the tensors at the taps, (batch, token, unit) each, of one pass over `input_ids` (batch, token).

    Taps that the pass does not reach raise ModelError.
    """
    found: dict[int, torch.Tensor] = {}

    def keep(index: int, tensor: torch.Tensor) -> None:
        # Some blocks flatten batch and token for their MLP; and a later addition may be done in place.
        # And a model that is spread over devices has its states on several of them.
        copied = tensor.detach().to(input_ids.device, copy=True)
        found[index] = copied.reshape(*input_ids.shape, -1)

    with read(root, taps, keep, stop=True):
        run(root, input_ids, **kwargs)
    missing = [str(tap) for index, tap in enumerate(taps) if index not in found]
    if missing:
        raise ModelError(
            f"The pass of {type(root).__name__} never reached the {', the '.join(missing[:3])}"
            f"{f' and {len(missing) - 3} more' if len(missing) > 3 else ''}. "
            "Give a map of modules that this model calls."
        )
    return [found[index] for index in range(len(taps))]
