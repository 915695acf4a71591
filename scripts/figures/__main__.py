"""The command line of the pictures: `scripts/pictures`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from engine.errors import UserError
from engine.run.storage import make_folder
from figures.canvas import THEMES
from figures.mistakes import draw_mistakes, read_figures
from figures.recording import read_thoughts, record, write_thoughts
from figures.thinking import frames, write_animation

ROOT = Path(__file__).resolve().parent
DATA, DRAWN = ROOT / "data", ROOT / "drawn"

COLOURS = 64
"""Of a picture that does not move."""


def draw_all(out: Path) -> list[Path]:
    """Draw every picture, for light and for dark pages, from the figures in `data`."""
    make_folder(out)
    thoughts, figures = read_thoughts(DATA / "thinking.csv"), read_figures(DATA / "mistakes.csv")
    made = []
    for theme in THEMES:
        moving, curve = out / f"thinking-{theme.name}.gif", out / f"mistakes-{theme.name}.png"
        write_animation(moving, list(frames(theme, thoughts)), theme)
        picture = draw_mistakes(theme, figures)
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(curve, optimize=True)
        made += [moving, curve]
    return made


def main(words: Sequence[str]) -> int:
    """Draw, or record the game first; the exit code."""
    parser = argparse.ArgumentParser("scripts/pictures", description="Draw the pictures of the pages.")
    parser.add_argument("--record", action="store_true", help="play the game of thinking.csv anew, a minute")
    parser.add_argument("--out", type=Path, default=DRAWN, help="default scripts/figures/drawn")
    options = parser.parse_args(words)
    if options.record:
        write_thoughts(DATA / "thinking.csv", record())
    try:
        made = draw_all(options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in made:
        print(f"{path.stat().st_size / 1000:6.0f} kB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
