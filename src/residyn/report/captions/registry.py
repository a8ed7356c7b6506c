"""What is said of each panel: its own caption, where it has one, else the generic sentence of its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import xarray as xr

from residyn.figures.panel import Inputs, Panel, Teleports
from residyn.figures.plot import (
    autoencoders,
    controls,
    curves,
    heatmaps,
    information,
    layer_maps,
    places,
    populations,
    teleport_means,
    teleport_returns,
    variance,
    writes,
)
from residyn.figures.plot import jacobians as map_panels
from residyn.figures.plot import outputs as output_panels
from residyn.figures.plot.orbits import ORBITS, PHASE_PORTRAITS
from residyn.figures.plot.schematic import SCHEMATIC
from residyn.figures.plot.teleports import NEARBY, TELEPORTS
from residyn.figures.plot.trajectories import IN_SPACE, IN_THE_PLANE
from residyn.published import published_curves
from residyn.report.captions import beyond, dynamics, generic, jacobians, motion, outputs, space, teleports, units

Sentences = tuple[str, ...]

OF_RESULTS: Mapping[Panel, Callable[[xr.Dataset], Sentences]] = {
    SCHEMATIC: units.schematic,
    heatmaps.MEAN_ACTIVATION: units.activation,
    heatmaps.UNIT_CORRELATION: units.correlation,
    heatmaps.CORRELATION_DENSITY: units.density,
    curves.COSINE: motion.cosine,
    curves.VELOCITY: motion.velocity,
    places.COSINE_BY_PLACE: motion.by_place("cosine", "mean cosine"),
    places.VELOCITY_BY_PLACE: motion.by_place("velocity", "mean step"),
    information.MUTUAL_INFORMATION: motion.information_map,
    information.MUTUAL_INFORMATION_CURVE: motion.information,
    IN_THE_PLANE: space.plane,
    IN_SPACE: space.in_space,
    variance.EXPLAINED_VARIANCE: space.cumulative,
    variance.EXPLAINED_VARIANCE_BY_SUBLAYER: space.by_sublayer,
    autoencoders.EXPLAINED: space.autoencoder,
    autoencoders.IN_PLANE: space.autoencoder_paths,
    controls.CORRELATION_EXCESS: beyond.beyond_skip,
    controls.MEAN_PATH: space.mean_path,
    controls.MEAN_OFFSET: space.mean_offset,
    controls.ANGULAR_VELOCITY: beyond.of_samples("angular_velocity", "The turn of the direction, in half turns,"),
    controls.RELATIVE_VELOCITY: beyond.of_samples("relative_velocity", "A step over the state's length"),
    controls.RADIAL_TANGENTIAL: beyond.directions,
    controls.TURNING_ANGLE: beyond.turning,
    controls.INFORMATION_EXCESS: motion.beyond_linear,
    controls.KURTOSIS: beyond.kurtosis,
    ORBITS: beyond.orbits,
    PHASE_PORTRAITS: beyond.portraits,
    writes.WRITE_COSINE: dynamics.write_cosine,
    writes.SUCCESSIVE_WRITES: dynamics.successive_writes,
    writes.EARLIER_WRITES: dynamics.earlier_writes,
    layer_maps.ANGULAR_DISTANCE: dynamics.angles,
    layer_maps.CKA: dynamics.alignment,
    layer_maps.ANGLE_OVER_QUARTER: dynamics.over_quarter,
    populations.PAIR_GROWTH: dynamics.growth("pair_growth", "Distances' growth beside that of norms"),
    populations.NEIGHBOURS_KEPT: dynamics.share(
        "neighbours_kept", "The share of nearest neighbours that are kept"
    ),
    populations.GROWTH_BY_DISTANCE: dynamics.by_distance,
    populations.POPULATION_GROWTH: dynamics.growth("population_growth", "The growth of the population's volume"),
    populations.POPULATION_SKEW: dynamics.share("population_skew", "The skew share of the flow"),
    populations.ROTATION: dynamics.rotation,
    populations.ROTATION_PLANE: dynamics.plane,
}
OF_TELEPORTS: Mapping[Panel, Callable[[Teleports], Sentences]] = {
    TELEPORTS: teleports.row,
    NEARBY: teleports.nearby,
    teleport_means.PULL: teleports.pull,
    teleport_means.RETENTION: teleports.retention,
    teleport_returns.RETURN_FRACTION: teleports.returning,
}

OF_MAPS: Mapping[Panel, Callable[[Mapping[str, xr.Dataset]], Sentences]] = {
    map_panels.EIGENVALUES: jacobians.eigenvalues,
    map_panels.SKEW_SHARE: jacobians.skew_share,
    map_panels.HENRICI: jacobians.henrici,
    map_panels.EFFECTIVE_RANK: jacobians.effective_rank,
    map_panels.EXPONENTS: jacobians.exponents,
}

OF_OUTPUTS: Mapping[Panel, Callable[[Mapping[str, xr.Dataset]], Sentences]] = {
    output_panels.LENS_KL: outputs.lens_kl,
    output_panels.LENS_ENTROPY: outputs.lens_entropy,
    output_panels.LENS_SETTLED: outputs.lens_settled,
    output_panels.SKIP_KL: outputs.skip_kl,
    output_panels.SWAP_KL: outputs.swap_kl,
}


WITH_REFERENCE: Mapping[Panel, tuple[str, str]] = {
    curves.COSINE: ("cosine", ""),
    curves.VELOCITY: ("velocity", ", and its scale is the one on the right"),
    information.MUTUAL_INFORMATION_CURVE: ("mutual_information", ", and its estimator is KDE"),
}
"""Of panels over which the paper's curve is laid: its quantity, and what else has to be known of it."""


def seen(panel: Panel, inputs: Inputs) -> Sentences:
    """The sentences on what a panel shows of these inputs."""
    return (*_of_the_model(panel, inputs), *_published(panel, inputs))


def _published(panel: Panel, inputs: Inputs) -> Sentences:
    """What is said of the paper's curve, where it is drawn."""
    if not inputs.reference or panel not in WITH_REFERENCE:
        return ()
    quantity, further = WITH_REFERENCE[panel]
    n = len(published_curves()[quantity])
    return (
        f"Dashed is the paper's curve of Llama 3.1 8B: its {n} transitions are stretched over this model's "
        f"relative depth{further}.",
    )


def _of_the_model(panel: Panel, inputs: Inputs) -> Sentences:
    if panel in OF_TELEPORTS and inputs.teleports is not None:
        return OF_TELEPORTS[panel](inputs.teleports)
    if panel in OF_MAPS and inputs.jacobians:
        return OF_MAPS[panel](inputs.jacobians)
    if panel in OF_OUTPUTS and inputs.outputs:
        return OF_OUTPUTS[panel](inputs.outputs)
    if panel in OF_RESULTS:
        return OF_RESULTS[panel](inputs.results)
    return tuple(sentence for name in panel.needs for sentence in generic.caption(inputs.results[name]))
