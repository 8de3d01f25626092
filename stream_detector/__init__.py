"""Streaming detection on Azure Activity Logs received from Event Hubs."""

__version__ = "0.1.0"
