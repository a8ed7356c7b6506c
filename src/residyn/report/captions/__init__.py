"""What each panel shows, said of these numbers: small functions from results to sentences.

Every number in a sentence is read from the results; which sentence is said (rises, falls, stays) depends on them.
"""

from residyn.report.captions.registry import seen

__all__ = ["seen"]
