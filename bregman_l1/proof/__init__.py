"""Proofs in ball arithmetic and rationals: an answer that is not merely certified but proved."""

from bregman_l1.proof._prove import prove
from bregman_l1.proof.record import Proof, ProvedSupport, RightHandSide, Step

__all__ = ["Proof", "ProvedSupport", "RightHandSide", "Step", "prove"]
