"""What makes a run: one module a stage, `run` for all in order, `compare` for several runs."""
