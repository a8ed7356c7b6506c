"""Outputs: what the model would predict from each sublayer's state, and what it predicts without each block."""

from residyn.model.outputs.experiment import outputs, whole_model

__all__ = ["outputs", "whole_model"]
