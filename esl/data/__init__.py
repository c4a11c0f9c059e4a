"""Data sets: one file per format, one reader for all of them, resizing as the paper's code does it."""
