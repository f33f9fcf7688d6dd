"""Exact arithmetic for the tests: facts about a system that no rounding can change."""
