"""Real parts for tests: processes of our own program, Azurite, and independent recomputations.

Import as `services.…`; pytest puts the directory of tests/conftest.py on the path.
"""
