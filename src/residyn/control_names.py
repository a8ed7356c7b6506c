"""What a run's model, and each of its controls, is called: in folders, in results and in verdicts."""

MODEL = "model"
"""The run's own model."""
UNTRAINED_PREFIX, PERMUTED = "untrained-", "permuted-weights"
"""Networks of the same architecture: how the name of an untrained one begins, and that of permuted weights."""
TOKENS, POSITIONS = "shuffled-tokens", "random-position"
"""The run's own model on other texts."""
NOISE = "noise"
"""The run's own model on the same texts, each in a batch of its own."""


def untrained(seed: int) -> str:
    """The name of the untrained model of a seed."""
    return f"{UNTRAINED_PREFIX}{seed}"
