"""Entropy Bregman projections onto {x >= 0 : A x = y}, at any scale and each certified."""
