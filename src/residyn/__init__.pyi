# The public names, each where it stands: read by type checkers, and by `__init__.py`, which imports a name when
# it is first used. Each quantity of `residyn.quantities.registry` has its name too: residyn.cosine(states), …
from .claims import judge as judge
from .comparison import trajectory_distance as trajectory_distance
from .errors import ResidynError as ResidynError
from .explorer import write_explorer as write_explorer
from .figures import plot as plot
from .figures.figure1 import figure1 as figure1
from .figures.panel import Teleports as Teleports
from .figures.reference import paper_reference as paper_reference
from .model.capture import capture as capture
from .model.check import check_model as check_model
from .model.loading import load_model as load_model
from .model.loading import permuted as permuted
from .model.loading import untrained as untrained
from .model.sites import Layout as Layout
from .model.teleport import open_teleports as open_teleports
from .model.teleport import teleport as teleport
from .model.texts import read_texts as read_texts
from .model.texts import tokenize_texts as tokenize_texts
from .nulls import NULLS as NULLS
from .nulls import against_null as against_null
from .nulls import surrogate as surrogate
from .pipeline.run import Run as Run
from .pipeline.run import open_run as open_run
from .pipeline.run import run as run
from .quantities.basis import kurtosis_rotated as kurtosis_rotated
from .quantities.correlations import correlation_density as correlation_density
from .quantities.dependence import dependence as dependence
from .quantities.dependence import information_excess as information_excess
from .quantities.dimensions import dimensions as dimensions
from .quantities.information import mutual_information as mutual_information
from .quantities.massive import leave_out as leave_out
from .quantities.massive import massive_ratio as massive_ratio
from .quantities.massive import massive_units as massive_units
from .quantities.noise import noise_floor as noise_floor
from .quantities.orbits import orbits as orbits
from .quantities.record import Quantity
from .quantities.robustness import without_massive as without_massive
from .quantities.suite import analyze as analyze
from .quantities.suite import not_computed as not_computed
from .quantities.tables import tables as tables
from .report import write_report as write_report
from .runs.results import open_results as open_results
from .runs.results import save_results as save_results
from .schema import from_array as from_array
from .settings import AnalysisSettings as AnalysisSettings
from .settings import ClaimsSettings as ClaimsSettings
from .spaces import Space as Space
from .spaces import explained_variance as explained_variance
from .spaces import explained_variance_by_sublayer as explained_variance_by_sublayer
from .spaces import fit_space as fit_space
from .spaces import fit_spaces as fit_spaces
from .spaces import pc_axes as pc_axes
from .spaces import pc_scores as pc_scores
from .store import open_states as open_states
from .teleports import affine as affine
from .teleports import beside as beside
from .teleports import flow as flow
from .teleports import return_fraction as return_fraction
from .teleports import summary as summary
from .teleports import targets as targets

__version__: str

def __getattr__(name: str) -> Quantity: ...
