"""Jacobians: the linear map by which each sublayer carries a small change of one token's stream on."""

from residyn.model.jacobians.experiment import check_whole, jacobians

__all__ = ["check_whole", "jacobians"]
