"""Mutual information of a unit's values at successive sublayers, in nats, for many units at once.

Every estimator takes `paths` (U units, S sublayers, N samples), float64 and finite, and `orders` (R, N),
permutations of the samples, and returns (R, U, S − 1): estimate r of unit u and transition s is that of the
pairs (paths[u, s, i], paths[u, s + 1, orders[r, i]]). Without `orders` there is one row, the samples as they
are. What a sublayer needs (its sorting, ranks, marginal density) is computed once, and serves both of its
transitions and all orders. `local_ksg` and `local_kde` return what the estimates are means of, (R, U, S − 1, N).

Units are shared out among threads, and a unit's numbers are the same bits on any number of them. Beside paths
and result, a thread holds a few arrays of one unit's size.
"""

from residyn.numerics.information.binned import binned, default_bins
from residyn.numerics.information.copula import copula
from residyn.numerics.information.kde import kde, local_kde
from residyn.numerics.information.ksg import jittered, ksg, local_ksg
from residyn.numerics.information.ranks import average_ranks, tie_share

__all__ = [
    "average_ranks",
    "binned",
    "copula",
    "default_bins",
    "jittered",
    "kde",
    "ksg",
    "local_kde",
    "local_ksg",
    "tie_share",
]
