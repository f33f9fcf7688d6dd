"""Nothing but our errors: files and arguments made up by hypothesis, and limits on time held against the clock.

Every test runs a small, fixed share of its examples. ``FUZZ=50 pytest tests/fuzz -k "not limit"`` runs fifty times as
many, new ones each time.
"""
