"""What every example of the reference begins with."""

import numpy as np

import residyn as rd

walks = np.random.default_rng(0).normal(size=(60, 8, 16)).cumsum(axis=1)
states = rd.from_array(walks, layers=[0, 0, 1, 1, 2, 2, 3, 3], sites=["attn", "mlp"] * 4)
