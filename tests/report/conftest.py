"""Borrows the hand-made transcripts of tests/tables."""

import sys
from pathlib import Path

# pytest puts only a test's own folder on the path.
sys.path.append(str(Path(__file__).parent.parent / "tables"))
