"""The only room that imports torch and transformers."""

from residyn.model.waiting import bound_spins

bound_spins()
