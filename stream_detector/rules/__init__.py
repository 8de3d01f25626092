"""Rules: the contract that windows know (`model`), RULE 15, its file, and the scheduled query."""
