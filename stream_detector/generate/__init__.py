"""Generated Activity Log bodies for the demo, the tests and the bench.

Deterministic for a seed, clearly fictional, and marked as generated. Nothing here decides
what an alert is: every record carries the fact whether it was made to match RULE 15.
"""
