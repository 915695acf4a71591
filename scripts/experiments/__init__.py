"""Claims, and what checks them: `scripts/experiment NAME`. The README beside has what came of them."""
