"""The settings of every stage after the capture, with their bounds and descriptions; and those of a whole run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from residyn.errors import UsageError
from residyn.settings.base import Settings, fields_of, made_of
from residyn.settings.reading import ASIDE, CaptureSettings

Estimator = Literal["gcmi", "ksg", "kde", "binned"]
Precision = Literal["float32", "float64"]
Format = Literal["png", "pdf", "svg"]
Positive = Annotated[float, Meta(gt=0)]


def _growing(name: str, values: tuple[Any, ...], example: str) -> Iterator[str]:
    if list(values) != sorted(set(values)):
        yield f"{name} holds numbers that grow, such as {example}; got {', '.join(map(str, values))}."


def _once(name: str, values: tuple[Any, ...]) -> Iterator[str]:
    if len(set(values)) < len(values):
        yield f"{name} names each once; got {', '.join(map(str, values))}."


class AnalysisSettings(Settings, frozen=True, kw_only=True):
    """How panels G to K are computed.

    >>> settings = rd.AnalysisSettings(estimators=("gcmi",), components=10, leave_out=())
    >>> rd.analyze(states, settings)["explained_variance"].sizes["component"]
    10
    """

    PANEL: ClassVar[str] = "Analysis"
    SECTION: ClassVar[str] = "analysis"

    estimators: Annotated[
        tuple[Estimator, ...],
        Meta(
            min_length=1,
            description="Of mutual information, the first one drawn in panel G: gcmi, ksg, kde, binned; with "
            "commas between.",
        ),
    ] = ("gcmi", "kde")
    neighbours: Annotated[int, Meta(ge=1, description="Neighbours of the ksg estimator.")] = 3
    shuffles: Annotated[
        int, Meta(ge=0, description="Sample shuffles behind each estimator's baseline; 0 for none.")
    ] = 1
    components: Annotated[int, Meta(ge=1, description="Principal components of panels J and K.")] = 100
    leave_out: Annotated[
        tuple[Annotated[int, Meta(ge=1)], ...],
        Meta(
            description="Numbers of massive units to leave out, each for one more set of numbers; empty for none.",
        ),
    ] = (1, 3, 10)
    analysis_seed: Annotated[int, Meta(ge=0, description="Decides shuffles, jitter and held-out samples.")] = 0
    precision: Annotated[
        Precision,
        Meta(description="Of products and kernels that are nearly all the work; sums are in float64."),
    ] = "float32"
    autoencoder: Annotated[
        bool,
        Meta(description="Compress states to a plane by an autoencoder, as the paper does; it takes minutes."),
    ] = False
    analysis_device: Annotated[
        str | None,
        Meta(description="Compute mutual information there with torch, such as cuda.", extra=ASIDE),
    ] = None

    def faults(self, spelled: Callable[[str], str]) -> Iterator[str]:
        yield from _once(spelled("estimators"), self.estimators)
        yield from _growing(spelled("leave_out"), self.leave_out, "1,3,10")


class ControlsSettings(Settings, frozen=True, kw_only=True):
    """What a run is compared with."""

    PANEL: ClassVar[str] = "Controls"
    SECTION: ClassVar[str] = "controls"

    untrained: Annotated[
        int, Meta(ge=0, description="Untrained models of the same configuration that read the texts too.")
    ] = 3
    permuted_weights: Annotated[
        bool,
        Meta(
            description="The trained weights, each tensor's entries in random order: their scale, nothing learned."
        ),
    ] = True
    shuffled_tokens: Annotated[bool, Meta(description="The texts' tokens in random order.")] = True
    random_positions: Annotated[bool, Meta(description="The texts cut at random tokens.")] = True
    noise: Annotated[bool, Meta(description="Some texts again, each in a batch of its own: the noise floor.")] = (
        True
    )
    control_share: Annotated[
        float, Meta(gt=0, le=1, description="Share of the texts that controls read, of at least 50.")
    ] = 0.2
    control_seed: Annotated[
        int, Meta(ge=0, description="Decides which texts, and the order of what is shuffled.")
    ] = 0


class TeleportSettings(Settings, frozen=True, kw_only=True):
    """Where states are teleported from and to."""

    PANEL: ClassVar[str] = "Teleports"
    SECTION: ClassVar[str] = "teleports"

    hosts: Annotated[
        int, Meta(ge=0, description="Texts of the run whose last token is moved, beside the prompt.")
    ] = 8
    prompt: Annotated[str, Meta(description="The host that panel L shows.")] = (
        "I'm sorry, Dave. I'm afraid I can't do that."
    )
    inject: Annotated[
        tuple[int | str, ...],
        Meta(
            description="Layers or sublayers to write at, such as 0,7.mlp; by default 0, ¼, ½, ¾ and the last of "
            "the layers, and the last sublayer after which a whole horizon follows."
        ),
    ] = ()
    grid: Annotated[int, Meta(ge=1, description="Points of the grid along PC1 and along PC2.")] = 10
    extents: Annotated[
        tuple[Literal["robust"] | Positive, ...],
        Meta(
            min_length=1,
            description="robust: where the samples lie; a number r: from −r to r; with commas between, a grid for "
            "each.",
        ),
    ] = ("robust",)
    radii: Annotated[
        tuple[Positive, ...],
        Meta(min_length=1, description="Distances of the controls from their host, in σ of the sublayer."),
    ] = (0.5, 1.0, 2.0, 4.0)
    directions: Annotated[int, Meta(ge=1, description="Directions at each radius, and samples swapped with.")] = 8
    horizon: Annotated[
        int,
        Meta(ge=1, description="Sublayers that an arrow spans, at most, and at most a fifth of the model's."),
    ] = 12
    untrained_teleports: Annotated[
        int, Meta(ge=0, description="Untrained models that are teleported too, to compare.")
    ] = 1
    teleport_seed: Annotated[int, Meta(ge=0, description="Decides which hosts, directions and samples.")] = 0

    def faults(self, spelled: Callable[[str], str]) -> Iterator[str]:
        if not self.prompt.strip():
            yield f"{spelled('prompt')} is the text that panel L starts from; it is empty. Give a text."
        for name, values in (("radii", self.radii), ("extents", self.extents)):
            if math.inf in values:
                yield f"{spelled(name)} holds numbers within double precision; got infinity."
        yield from _growing(spelled("radii"), self.radii, "0.5,1,2")
        yield from _once(spelled("extents"), self.extents)


class AtSamples(NamedTuple):
    """At how many samples of a run something is taken, drawn by a seed, and in which networks.

    `in_controls` of them are taken in each control too: in so many `untrained` models, and where it is `permuted`
    in the model with its weights permuted.
    """

    samples: int
    in_controls: int
    untrained: int
    permuted: bool
    seed: int

    @property
    def in_each(self) -> int:
        """At how many samples it is taken in each control."""
        return min(self.in_controls, self.samples)

    @property
    def controls(self) -> int:
        """The number of controls."""
        return self.untrained + self.permuted


class SampledSettings(Settings, frozen=True, kw_only=True):
    """Settings of a stage that takes something at some samples: its fields are named after its section."""

    @property
    def at(self) -> AtSamples:
        """The samples and networks that are asked for."""
        many, one = self.SECTION, self.SECTION.removesuffix("s")
        names = (f"{one}_samples", f"control_{many}", f"untrained_{many}", f"permuted_{many}", f"{one}_seed")
        return AtSamples(*(getattr(self, name) for name in names))


Untrained = Annotated[int, Meta(ge=0, description="Untrained models that are compared with.")]
Permuted = Annotated[bool, Meta(description="Compare with the model's weights permuted, too.")]


class JacobianSettings(SampledSettings, frozen=True, kw_only=True):
    """At which samples, and of which models, local linear maps are taken."""

    PANEL: ClassVar[str] = "Jacobians"
    SECTION: ClassVar[str] = "jacobians"

    jacobian_samples: Annotated[
        int, Meta(ge=0, description="Samples of the run at whose token maps are taken; 0 for none.")
    ] = 5
    control_jacobians: Annotated[
        int, Meta(ge=0, description="Of these, the first so many are taken in each control too; 0 for no control.")
    ] = 1
    untrained_jacobians: Untrained = 3
    permuted_jacobians: Permuted = True
    exact_width: Annotated[
        int,
        Meta(ge=1, description="Up to so many units all of a map is computed; of wider ones the largest values."),
    ] = 1024
    span: Annotated[
        int,
        Meta(
            ge=1, description="Sublayers an exponent is a mean over, at most, and at most a fifth of the model's."
        ),
    ] = 12
    jacobian_seed: Annotated[int, Meta(ge=0, description="Decides which samples, probes and random matrices.")] = 0


class OutputSettings(SampledSettings, frozen=True, kw_only=True):
    """At which samples, and of which models, predictions along depth are taken."""

    PANEL: ClassVar[str] = "Outputs"
    SECTION: ClassVar[str] = "outputs"

    output_samples: Annotated[
        int, Meta(ge=0, description="Samples at which the logit lens is taken at every sublayer; 0 for none.")
    ] = 25
    skip_samples: Annotated[
        int, Meta(ge=0, description="Of these, in the first so many each block is skipped, and swapped, too.")
    ] = 6
    control_outputs: Annotated[
        int, Meta(ge=0, description="Of these, the first so many are read in each control too; 0 for no control.")
    ] = 1
    untrained_outputs: Untrained = 3
    permuted_outputs: Permuted = True
    output_seed: Annotated[int, Meta(ge=0, description="Decides which samples, and how words are exchanged.")] = 0


class ClaimsSettings(Settings, frozen=True, kw_only=True):
    """How claims are judged.

    >>> rd.judge(states, numbers=[1], settings=rd.ClaimsSettings(resamples=40)).claims[0].label
    '1'
    """

    PANEL: ClassVar[str] = "Controls"
    SECTION: ClassVar[str] = "claims"

    resamples: Annotated[
        int, Meta(ge=20, description="Bootstrap replicates behind the interval of each claim.")
    ] = 200
    null_draws: Annotated[
        int, Meta(ge=1, description="Draws of each null of states; 19 or more can reach p = 0.05.")
    ] = 20
    null_samples: Annotated[
        int,
        Meta(ge=4, description="Most samples that nulls of states are drawn of, where no controls say which."),
    ] = 200
    claims_seed: Annotated[int, Meta(ge=0, description="Decides replicates and nulls.")] = 0


class FigureSettings(Settings, frozen=True, kw_only=True):
    """How Figure 1 is drawn."""

    PANEL: ClassVar[str] = "Figure"
    SECTION: ClassVar[str] = "figure"

    reference: Annotated[
        bool, Meta(description="Draw the paper's published curves for Llama 3.1 8B beside E, F and H.")
    ] = False
    formats: Annotated[
        tuple[Format, ...],
        Meta(
            min_length=1,
            description="Files of each panel: png, pdf, svg; with commas between. Figure 1 has all three.",
        ),
    ] = ("png",)


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of all stages of a run, in their order."""

    capture: CaptureSettings = CaptureSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    controls: ControlsSettings = ControlsSettings()
    teleports: TeleportSettings = TeleportSettings()
    jacobians: JacobianSettings = JacobianSettings()
    outputs: OutputSettings = OutputSettings()
    claims: ClaimsSettings = ClaimsSettings()
    figures: FigureSettings = FigureSettings()


STAGES: dict[str, type[Settings]] = get_type_hints(RunSettings)
"""The kind of settings of each stage."""


def run_settings(values: Mapping[str, Any], spelled: Callable[[str], str] = str) -> RunSettings:
    """The settings of a run of which some are chosen, whichever stage they are of. Raises UsageError."""
    known = {field.name: stage for stage, kind in STAGES.items() for field in fields_of(kind)}
    if unknown := sorted(values.keys() - known):
        raise UsageError(f"There is no setting {', '.join(unknown)}; there are {', '.join(known)}.")
    made: dict[str, Any] = {
        stage: made_of(kind, {name: value for name, value in values.items() if known[name] == stage}, spelled)
        for stage, kind in STAGES.items()
    }
    return RunSettings(**made)
