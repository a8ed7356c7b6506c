"""How to cite the paper and the software."""

from __future__ import annotations

from importlib.metadata import version

_PAPER = """@inproceedings{fernando2025transformer,
  title     = {Transformer Dynamics: A Neuroscientific Approach to Interpretability of Large Language Models},
  author    = {Fernando, Jesseba and Guitchounts, Grigori},
  booktitle = {Cognitive Computational Neuroscience (CCN)},
  year      = {2025},
  note      = {arXiv:2502.12131}
}"""


def citation() -> str:
    """BibTeX of both."""
    return f"""{_PAPER}

@software{{residyn,
  title   = {{residyn: the residual stream of a transformer as a dynamical system over depth}},
  author  = {{{{The residyn authors}}}},
  version = {{{version("residyn")}}},
  license = {{Apache-2.0}}
}}"""
