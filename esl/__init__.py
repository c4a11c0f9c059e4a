"""ESL: entropy-guided pseudo-labels for domain adaptation in semantic segmentation."""

__version__ = "0.1.0"
