"""The path in output space on the page: what the logit lens and blocks that are left out give, as curves."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.control_names import MODEL
from residyn.explorer.networks import Networks, Told, means, network_curve
from residyn.explorer.record import PageCurve

_CALLED = {
    "lens_kl": ("KL from the model's output", "Logit lens"),
    "lens_entropy": ("entropy", "Logit lens"),
    "lens_agreement": ("top token is the model's", "Logit lens"),
    "lens_settled": ("top token is the model's from here on", "Logit lens"),
    "lens_loss": ("loss of the next token", "Logit lens"),
    "skip_kl": ("KL from the model's output", "Without the layer's block"),
    "skip_agreement": ("top token stays", "Without the layer's block"),
    "skip_loss_change": ("change of the loss", "Without the layer's block"),
    "swap_kl": ("KL from the model's output", "With the next block first"),
    "swap_agreement": ("top token stays", "With the next block first"),
    "swap_loss_change": ("change of the loss", "With the next block first"),
    "settling_depth": ("depth at which the top token settles", "Logit lens"),
}
"""Of each number what it is called, and of what it is."""
_AT_THE_END = "final_"
"""What the names of numbers of the model's own output begin with: they are nothing along depth."""
_EXCHANGED = "lens_exchanged_kl"


def output_curves(results: xr.Dataset, networks: Networks) -> tuple[PageCurve, ...]:
    """Every number of the outputs that is known, as a curve: with its interval, other networks, and its null.

    A number of a layer stands at each of its sublayers.
    """
    found = networks.get(MODEL)
    if found is None:
        return ()
    names = [
        str(name)
        for name, array in found.data_vars.items()
        if array.dtype.kind == "f"
        and name != _EXCHANGED
        and not str(name).startswith(_AT_THE_END)
        and bool(array.notnull().any())
    ]
    return tuple(network_curve(results, networks, name, _told(found, name)) for name in names)


def _told(found: xr.Dataset, name: str) -> Told:
    label, of = _CALLED.get(name, (name.replace("_", " "), "Outputs"))
    nulls = []
    if name == "lens_kl":
        nulls = [("words of the head exchanged", means(found, _EXCHANGED))]
    if name == "lens_entropy":
        own = float(means(found, "final_entropy")[0])
        nulls = [("the model's own output", np.full(found.sizes["sublayer"], own))]
    return Told(f"outputs.{name}", f"{of}: {label}", label, tuple(nulls))
