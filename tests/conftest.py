"""Fixtures and profiles that all tests share. What needs a real part asks for it by `services.need`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from services.azurite import azurite, azurite_is_installed
from services.need import ON_CI, need
from services.ports import free_port as _free_port

# No deadline: the machines that run this are shared, and a slow example is not a wrong one.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples on every run: a red build must be red for everyone. Locally they vary.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if ON_CI else "dev")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def azurite_connection_string(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of an Azurite that lives as long as the test run. Use a container of your own."""
    need(azurite_is_installed(), "Azurite is not installed; `make test` installs it where npm exists")
    with azurite(tmp_path_factory.mktemp("azurite")) as connection_string:
        yield connection_string


@pytest.fixture
def free_port() -> int:
    """A free port of the loopback interface."""
    return _free_port()


@pytest.fixture(scope="session")
def samples() -> Path:
    """Directory of public sample bodies that lies beside the repository on some machines."""
    need((SHARED / "samples").is_dir(), "no sample bodies beside the repository", optional_on_ci=True)
    return SHARED / "samples"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Directory of KQL vectors that lies beside the repository on some machines."""
    need((SHARED / "vectors").is_dir(), "no vectors beside the repository", optional_on_ci=True)
    return SHARED / "vectors"
