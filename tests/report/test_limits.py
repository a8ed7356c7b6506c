import numpy as np
import pytest
import xarray as xr

from residyn.report.limits import limits


@pytest.mark.parametrize(("share", "said"), [(0.06, False), (0.5, False), (0.75, True)])
def test_ties_are_those_of_the_states_and_not_of_the_tokens(results: xr.Dataset, share: float, said: bool) -> None:
    known = results["tie_share"]
    ties = np.zeros(known.shape)
    ties[0] = share
    first, *others = limits(results.assign_coords(tie_share=(known.dims, ties)))
    assert first == "The samples end in 11 distinct tokens; 75\u00a0% of them share theirs with another sample."
    assert (
        "On the first transition 75\u00a0% of the median unit's samples share a value with another one: what is "
        "measured there rests on few values." in others
    ) is said
    assert limits(results.drop_vars("mutual_information"))[0] == first
