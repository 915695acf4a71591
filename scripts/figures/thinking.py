"""The moving picture: a trained network thinks, and moves, and wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from PIL import Image, ImageColor

from figures.canvas import Canvas, Theme
from figures.recording import COLUMNS, SIMULATIONS, START, Thought

WIDTH, HEIGHT = 760, 456
ROWS = 6
CELL = 46
LEFT, BARS, BOARD = 30, 108, 140
"""Left edge of the board; base line of the bars above it; upper edge of the board."""

BAR_HEIGHT = 66
RIGHT = LEFT + COLUMNS * CELL + 50
"""Left edge of what stands beside the board."""

WATCHED = 6
"""Searches of the network that are shown as they go on; of later ones the end."""

CORNER = 40
"""A pixel across and down that shows nothing but the page."""

RESULTS = {1: "won", 0: "drawn", -1: "lost"}

COLOURS = 48
"""Of the animation."""

Frame = tuple[Image.Image, int]
"""A picture, and for how many milliseconds it stands."""


def frames(theme: Theme, thoughts: Sequence[Thought]) -> Iterator[Frame]:
    """The game, one frame a thought."""
    moves = [thought for thought in thoughts if thought.player == "network" and thought.played]
    kept = all(thought.exact[int(thought.played) - 1] == 1 for thought in moves)
    searches = 0
    for thought in thoughts:
        ends = thought.simulations == SIMULATIONS[-1]
        searches += ends
        watched = searches < WATCHED or (searches == WATCHED and ends)
        if thought.player == "network" and not ends and not watched:
            continue
        canvas = Canvas(theme, WIDTH, HEIGHT)
        canvas.box((0.5, 0.5, WIDTH - 0.5, HEIGHT - 0.5), outline=theme.line, radius=8)
        _draw_board(canvas, thought)
        _draw_bars(canvas, thought)
        _draw_account(canvas, thought, kept)
        if not thought.player:
            yield canvas.picture(), 5000
        elif watched:
            yield canvas.picture(), 1500 if ends else 700 if thought.player == "solver" else 170
        else:
            yield canvas.picture(), 350


def write_animation(path: Path, shown: Sequence[Frame], theme: Theme) -> None:
    """As a GIF that goes round for ever, of few colours that all frames share."""
    pictures = [picture for picture, _ in shown]
    seen = Image.new("RGB", (pictures[0].width, pictures[0].height * 3))
    for place, index in enumerate((0, len(pictures) // 3, -1)):
        seen.paste(pictures[index], (0, place * pictures[0].height))
    palette = seen.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    page = reduced[0].tobytes()[CORNER * (pictures[0].width + 1)]
    colours = palette.getpalette() or []
    colours[3 * page : 3 * page + 3] = ImageColor.getrgb(theme.page)[:3]  # not the mean of what is near it
    for picture in reduced:
        picture.putpalette(colours)
    times = [time for _, time in shown]
    reduced[0].save(
        path, save_all=True, append_images=reduced[1:], duration=times, loop=0, optimize=True, disposal=1
    )


def _middle(column: int, row: int) -> tuple[float, float]:
    """Of a cell; row 0 is the lowest."""
    return LEFT + (column + 0.5) * CELL, BOARD + (ROWS - row - 0.5) * CELL


def _stones(position: str) -> dict[tuple[int, int], int]:
    """The player, 0 or 1, in each cell (column, row) that is taken."""
    heights = [0] * COLUMNS
    stones = {}
    for ply, move in enumerate(position):
        column = int(move) - 1
        stones[column, heights[column]] = ply % 2
        heights[column] += 1
    return stones


def _four(stones: dict[tuple[int, int], int]) -> set[tuple[int, int]]:
    """Cells of the four in a row, where there is one."""
    found = set()
    for (column, row), (dx, dy) in product(stones, ((1, 0), (0, 1), (1, 1), (1, -1))):
        cells = [(column + step * dx, row + step * dy) for step in range(4)]
        if len({stones.get(cell) for cell in cells}) == 1:
            found.update(cells)
    return found


def _draw_board(canvas: Canvas, thought: Thought) -> None:
    theme = canvas.theme
    stones = _stones(thought.position)
    four = _four(stones) if not thought.player else set()
    frame = (LEFT - 6, BOARD - 6, LEFT + COLUMNS * CELL + 6, BOARD + ROWS * CELL + 6)
    canvas.box(frame, outline=theme.line, radius=8)
    last = list(stones)[-1]
    for cell in product(range(COLUMNS), range(ROWS)):
        middle = _middle(*cell)
        if cell not in stones:
            canvas.disc(middle, 17, None, theme.line)
            continue
        _draw_stone(canvas, middle, 18.5, stones[cell])
        if cell == last or cell in four:
            canvas.disc(middle, 22, None, theme.ink)
            canvas.disc(middle, 21.5, None, theme.ink)


def _draw_stone(canvas: Canvas, middle: tuple[float, float], radius: float, player: int) -> None:
    """The network's are blue discs, the solver's orange rings."""
    theme = canvas.theme
    network = player == len(START) % 2
    canvas.disc(middle, radius, theme.blue if network else theme.orange)
    if not network:
        canvas.disc(middle, 0.45 * radius, theme.page)


def _draw_bars(canvas: Canvas, thought: Thought) -> None:
    theme = canvas.theme
    bottom = BOARD + ROWS * CELL
    canvas.line([(LEFT, BARS), (LEFT + COLUMNS * CELL, BARS)], theme.line)
    total = sum(thought.visits)
    most = max(thought.visits, default=0)
    words = {1: "win", 0: "draw", -1: "loss", None: ""}
    for column in range(COLUMNS):
        x = LEFT + (column + 0.5) * CELL
        canvas.text((x, BARS + 17), str(column + 1), 11.5, theme.faint, "ms")
        if thought.visits:
            share = thought.visits[column] / max(1, total)
            canvas.box((x - 15, BARS - BAR_HEIGHT * share, x + 15, BARS), fill=theme.blue)
            prior = BARS - BAR_HEIGHT * thought.priors[column]
            canvas.line([(x - 20, prior), (x + 20, prior)], theme.ink, 1.75)
            if thought.visits[column] == most > 0:
                canvas.text((x, BARS - BAR_HEIGHT * share - 5), str(most), 11, anchor="ms")
        if thought.exact:
            word = words[thought.exact[column]]
            colour = theme.ink if word == "win" else theme.faint
            canvas.text((x, bottom + 24), word, 11.5, colour, "ms")


def _draw_account(canvas: Canvas, thought: Thought, kept: bool) -> None:
    """Beside the board: who moves, what the search has done, what it expects."""
    theme = canvas.theme
    canvas.text((RIGHT, 46), "A network thinks", 21)
    canvas.text((RIGHT, 68), "trained for 60 minutes on two cores; against perfect play", 12.5, theme.faint)
    number = len(thought.position) + 1
    told = {
        "network": f"ply {number}: the network",
        "solver": f"ply {number}: the exact solver",
        "": f"the network has {RESULTS[int(thought.value)]} in {number - 1} plies",
    }[thought.player]
    _draw_stone(canvas, (RIGHT + 9, 105), 9, 1 if thought.player == "solver" else 0)
    canvas.text((RIGHT + 26, 110), told, 15)
    if thought.player == "network":
        _draw_search(canvas, thought)
    if thought.played:
        canvas.text((RIGHT, 326), f"plays {thought.played}", 15)
    if thought.player:
        _draw_chances(canvas, thought, 197)
    elif kept:
        canvas.text((RIGHT, 148), "Every one of its moves kept the win,", 13, theme.faint)
        canvas.text((RIGHT, 168), "however long the solver held out.", 13, theme.faint)
    _draw_legend(canvas, 378)


def _draw_search(canvas: Canvas, thought: Thought) -> None:
    theme, right = canvas.theme, WIDTH - 30
    canvas.text((RIGHT, 148), "simulations", 12.5, theme.faint)
    canvas.text((right, 148), f"{thought.simulations} of {SIMULATIONS[-1]}", 12.5, anchor="rs")
    canvas.box((RIGHT, 156, right, 163), outline=theme.line, radius=3)
    share = thought.simulations / SIMULATIONS[-1]
    canvas.box((RIGHT, 156, RIGHT + 8 + (right - RIGHT - 8) * share, 163), fill=theme.ink, radius=3)
    canvas.text((RIGHT, 262), "expects the columns", 12.5, theme.faint)
    canvas.text((RIGHT, 284), " ".join(thought.line[:14]), 15)


def _draw_chances(canvas: Canvas, thought: Thought, top: float) -> None:
    """A bar of win, draw and loss as the network sees them."""
    theme, right = canvas.theme, WIDTH - 30
    canvas.text((RIGHT, top), "the network's win, draw, loss", 12.5, theme.faint)
    canvas.text((right, top), f"value {thought.value:+.2f}", 12.5, anchor="rs")
    x = float(RIGHT)
    for share, colour in zip(thought.wdl, (theme.blue, theme.grey, theme.orange), strict=True):
        end = x + (right - RIGHT) * share
        canvas.box((x, top + 9, end, top + 25), fill=colour)
        x = end


def _draw_legend(canvas: Canvas, top: float) -> None:
    theme = canvas.theme
    canvas.box((RIGHT, top, RIGHT + 14, top + 14), fill=theme.blue)
    canvas.text((RIGHT + 26, top + 12), "visits of each column, as the search goes on", 12.5, theme.faint)
    canvas.line([(RIGHT - 2, top + 31), (RIGHT + 16, top + 31)], theme.ink, 1.75)
    canvas.text((RIGHT + 26, top + 35), "prior: what the bare network would play", 12.5, theme.faint)
    canvas.text((RIGHT - 2, top + 58), "win", 11.5)
    canvas.text((RIGHT + 26, top + 58), "what each column leads to, by the exact solver", 12.5, theme.faint)
