"""residyn: the residual stream of a transformer as a dynamical system over depth."""
