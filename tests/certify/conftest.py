"""Makes `faulty`, the backend with faults, importable for the tests of the ladder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
