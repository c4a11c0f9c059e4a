"""Use cases: one function puts the parts together for one job."""
