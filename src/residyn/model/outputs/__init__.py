"""Outputs: what the model would predict from each sublayer's state, and what it predicts without each block."""

from residyn.model.outputs.experiment import outputs

__all__ = ["outputs"]
