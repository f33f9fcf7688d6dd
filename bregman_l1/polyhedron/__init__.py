"""Facts about {x >= 0 : A x = y}, each with the vector that proves it: empty or not, support, minimisers, cones."""
