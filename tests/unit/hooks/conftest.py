"""What the tests of the hooks share."""

import signal

import pytest


@pytest.fixture(autouse=True)
def handlers():
    """Take the signals back when a test ends: a stopped run ignores them."""
    signals = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    former = {one: signal.getsignal(one) for one in signals}
    yield former
    for one, handler in former.items():
        signal.signal(one, handler)
