"""How panels G to K are computed, and how the figure is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from residyn.cli.request.base import ANALYSIS, FIGURE, Asked, option
from residyn.errors import UsageError

if TYPE_CHECKING:
    from residyn.quantities.settings import Settings


@dataclass(frozen=True)
class AnalysisRequest(Asked):
    """How panels G to K are computed."""

    estimators: Annotated[
        str,
        option(
            "--estimators",
            ANALYSIS,
            "Of mutual information, the first one drawn in panel G: gcmi, ksg, kde, binned; with commas between.",
        ),
    ] = "gcmi,kde"
    neighbours: Annotated[int, option("--neighbours", ANALYSIS, "Neighbours of the ksg estimator.")] = 3
    shuffles: Annotated[
        int, option("--shuffles", ANALYSIS, "Sample shuffles behind each estimator's baseline; 0 for none.")
    ] = 1
    components: Annotated[int, option("--components", ANALYSIS, "Principal components of panels J and K.")] = 100
    leave_out: Annotated[
        str,
        option(
            "--leave-out",
            ANALYSIS,
            "Numbers of massive units to leave out, each for one more set of numbers; empty for none.",
        ),
    ] = "1,3,10"
    analysis_seed: Annotated[
        int, option("--analysis-seed", ANALYSIS, "Decides shuffles, jitter and held-out samples.")
    ] = 0
    analysis_device: Annotated[
        str | None,
        option("--analysis-device", ANALYSIS, "Compute mutual information there with torch, such as cuda."),
    ] = None

    def check(self) -> None:
        self.settings()

    def settings(self) -> Settings:
        """The settings of `residyn.analyze`. Raises UsageError."""
        from residyn.quantities.settings import Settings

        try:
            leave_out = tuple(int(part) for part in self.leave_out.split(",") if part.strip())
        except ValueError:
            raise UsageError(
                f"--leave-out is whole numbers with commas between, such as 1,3,10; got {self.leave_out!r}."
            ) from None
        settings = Settings(
            estimators=tuple(part.strip() for part in self.estimators.split(",") if part.strip()),  # type: ignore[arg-type]
            neighbours=self.neighbours,
            shuffles=self.shuffles,
            components=self.components,
            leave_out=leave_out,
            seed=self.analysis_seed,
            device=self.analysis_device,
        )
        settings.check()
        return settings


@dataclass(frozen=True)
class FigureRequest(Asked):
    """How Figure 1 is drawn."""

    reference: Annotated[
        bool,
        option("--reference", FIGURE, "Draw the paper's published curves for Llama 3.1 8B beside E, F and H."),
    ] = False
    formats: Annotated[
        str, option("--formats", FIGURE, "Files of each picture: png, pdf, svg; with commas between.")
    ] = "png,pdf,svg"

    def check(self) -> None:
        known, asked = ("png", "pdf", "svg"), self.options()["formats"]
        if not asked or not set(asked) <= set(known):
            raise UsageError(f"--formats are one or more of {', '.join(known)}; got {self.formats!r}.")

    def options(self) -> dict[str, Any]:
        """The options of `figures.figure1.draw_all`."""
        return {"reference": self.reference, "formats": [part.strip() for part in self.formats.split(",")]}
