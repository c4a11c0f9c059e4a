"""Training: one step as Sec. 3.1-3.2 write it, and the loop, order, checkpoints and guards around it."""
