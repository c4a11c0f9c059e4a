"""Directories that outlive a process: predictions, recipes, verdicts, runs. No torch."""
