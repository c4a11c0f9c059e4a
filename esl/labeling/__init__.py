"""From logits to pseudo-labels and their audit, in integers (Sec. 3.3). NumPy and one Numba kernel; no torch."""
