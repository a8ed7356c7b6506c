"""Claims, by what they are about: every `Claim` that a module here declares is judged."""
