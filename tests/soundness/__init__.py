"""A campaign that tries to break every promise of the package, judged by exact arithmetic that knows nothing of it.

``python -m tests.soundness --minutes 60`` runs it for long, `tests/test_soundness.py` its share of the test suite.
"""

# Imported for what they register: each adds its families to `cases.FAMILIES`.
from . import families, ill_conditioned, structured

__all__ = ["families", "ill_conditioned", "structured"]
