"""Enclosures and the bounds of Theorem II.2 as proofs: evaluated in balls, rounded outward."""
