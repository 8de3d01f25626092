"""`demo`: the whole product in about fifteen seconds, on nothing but this machine.

An embedded Event Hubs, a generated stream published to it with the SDK, the service as `run` starts it.
Alerts are JSON lines on stdout as always; the story around them is told on stderr.
"""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("demo", help="see it work: embedded hub, generated attacks, alerts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the story; 0 when every attack in it was paged or the reader stopped it, else 1."""
    import asyncio
    import tempfile

    from stream_detector.cli.playing import play
    from stream_detector.observe.logs import configure_logging
    from stream_detector.settings.rules import load_configuration

    configure_logging("warning", "auto")
    with tempfile.TemporaryDirectory(prefix="stream-detector-demo-") as directory:
        settings, rules = load_configuration(
            None,
            {
                "STREAM_DETECTOR_STATE__DIRECTORY": directory,
                "STREAM_DETECTOR_OBSERVE__PORT": "0",
                "STREAM_DETECTOR_HUB__START": "earliest",
            },
        )
        return asyncio.run(play(settings, rules))
