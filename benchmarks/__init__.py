"""Measurements, each of which prints both sides and their ratio in one run: `python -m benchmarks.NAME`."""
