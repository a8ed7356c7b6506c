"""What each panel shows, said of these numbers: small functions from results to sentences.

Every number in a sentence is read from the results; which sentence is said (rises, falls, stays) depends on them.
"""

from residyn.report.captions.controls import controls_of
from residyn.report.captions.registry import REGISTRY, Entry, entry_of

__all__ = ["REGISTRY", "Entry", "controls_of", "entry_of"]
