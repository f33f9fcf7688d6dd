"""``python -m bregman_l1`` is ``bregman-l1``."""

from bregman_l1.cli import app

if __name__ == "__main__":
    app()
