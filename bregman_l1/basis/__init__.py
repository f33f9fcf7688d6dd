"""Column bases of A at any scale: independent rows, tableaus with a bound of their rounding, and what they decide."""
