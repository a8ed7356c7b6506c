"""The claim that deep layers are ineffective (arXiv 2403.17887), of one token that skips them.

Early layers are the first third of them, late ones the last. Only the last token of a text skips a block; the
tokens before it, which the paper takes the layer from too, do not.
"""

from __future__ import annotations

import math

from residyn.claims.claim import Claim, Criterion, TextSigns
from residyn.claims.conditions import PERMUTED, UNTRAINED
from residyn.claims.statistics import first_of

HALF = -math.log(2)
"""ln of a half: late blocks change less than half of what early ones do."""
STAYS = 0.9
"""Share of late blocks without which the most likely token stays, from which they count as ineffective."""

CLAIM_33 = Claim(
    number=33,
    claim="Deep layers are ineffective: a last token that skips one changes little",
    panel="blocks_skipped",
    criteria=(
        Criterion(
            name="skip_late_over_early",
            statistic="log ratio of the median divergence without a late block to that without an early one",
            needs=("outputs.skip_kl",),
            compute=first_of("outputs.skip_kl", 1),
            threshold=HALF,
            above=False,
            null=TextSigns(),
            units="nats",
        ),
        Criterion(
            name="late_skip_agreement",
            statistic="share of late blocks without which the most likely token stays",
            needs=("outputs.skip_agreement",),
            compute=first_of("outputs.skip_agreement", 1),
            threshold=STAYS,
            null=TextSigns(),
            units="share of the blocks",
            bounds=(0.0, 1.0),
        ),
    ),
    imitations=(PERMUTED, UNTRAINED),
    of="outputs",
    paper=False,
)
