"""Board games as text: a prompt is an opening, and two players write on, a move a step: `>5 1 ` → `9 3 …`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from engine._core import Game, State
from engine.errors import InputError
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of
from engine.registry import load_game
from games.text import option


@dataclass(frozen=True)
class Line:
    """What some text comes to on the board."""

    state: State
    """After the last legal move."""
    moves: tuple[str, ...]
    """In the game's notation, the opening's included."""
    rest: str = ""
    """From the first step that is no legal move; what is written after the end of the game too."""


class TextGame(Task):
    """A registered game in its own notation. The score is the first player's.

    A step that is no legal move, or none where one is due, forfeits the game for the player to move. The
    position after the opening decides the split.

    Args:
        game: as on the command line, `connect4` or `go:size=5`; with one option at most.
        opening_plies: random moves in a prompt, at most, 0 to 40.
    """

    step_end = " "
    inline = True
    verifier_at_test = True
    num_players = 2

    def __init__(self, game: str = "connect4", opening_plies: int = 4) -> None:
        self.opening_plies = option.whole("opening_plies", opening_plies, 0, 40)
        self.game: Game = load_game(str(game))
        self.name = option.spec("textgame", game=(game, "connect4"), opening_plies=(opening_plies, 4))
        moves = _move_texts(self.game)
        self.alphabet = "".join(sorted({"\n", " ", ">", *"".join(moves)}))
        self.max_step_tokens = max(len(move) for move in moves) + 1
        self.max_tokens = self.game.max_plies * self.max_step_tokens + 1

    def start(self) -> Prompt:
        """The usual start of the game, whatever split it is in."""
        return self._prompt(self.game.initial(), [])

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Different positions after random openings, the usual start among them."""
        return list(islice(self._openings(split, seed), count))

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """Random legal play to the end: what moves look like, not how to choose them."""
        return self.held_out("train", count, seed)

    def held_out(self, split: Split, count: int, seed: int) -> list[Demonstration]:
        """Random legal play of a split."""
        source = random.Random(f"{self.game.name} play {split} {seed}")
        openings = self._openings(split, seed)
        known: list[Prompt] = []
        found: list[Demonstration] = []
        for _ in range(count):
            known += islice(openings, 1)
            if not known:
                break
            prompt = known[-1] if len(known) > len(found) else source.choice(known)
            found.append(Demonstration(prompt, self._random_play(prompt, source)))
        return found

    def modes(self, prompt: Prompt, completion: str) -> list[str]:
        """The first move."""
        del prompt
        return self.steps(completion)[:1]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Play the moves; unfinished games are lost for the player to move."""
        line = self._play(prompt, completion)
        parsed = " ".join(line.moves)
        outcome = line.state.outcome()
        mover = line.state.player()
        if outcome is None:
            step = line.rest.split(self.step_end, 1)[0][:20]
            reason = f"player {mover + 1} forfeits: {step!r} is no legal move" if step else "no move"
            empty = () if line.rest else ("empty",)
            return VerifyResult(float(mover), parsed, reason, ("forfeit", *empty), path=parsed)
        score = (1 + (outcome if mover == 0 else -outcome)) / 2
        if line.rest:
            return VerifyResult(score, parsed, "text after the end", ("overlong",), path=parsed)
        return VerifyResult(score, parsed, path=parsed)

    def legal_steps(self, prompt: Prompt, completion: str) -> list[str]:
        """Every legal move; none once the game is over or forfeited."""
        line = self._play(prompt, completion)
        if line.rest:
            return []
        actions = line.state.legal_actions()
        return [line.state.action_text(action) + self.step_end for action in actions]

    def player(self, prompt: Prompt, completion: str) -> int:
        """Who moves next; whoever forfeited stays the one to move."""
        return self._play(prompt, completion).state.player()

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        """Whether the game is over or a step was no legal move."""
        line = self._play(prompt, completion)
        return line.state.outcome() is not None or self.step_end in line.rest

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """As many other openings of the same splits."""
        given = {prompt.id for prompt in prompts}
        keys = {prompt.key for prompt in prompts}
        found: list[Prompt] = []
        others = {split: self._openings(split, seed + 1) for split in ("train", "validation", "test")}
        for prompt in prompts:
            fresh = (p for p in others[split_of(prompt.key)] if p.id not in given and p.key not in keys)
            found += islice(fresh, 1)
        return found

    def _prompt(self, state: State, moves: Sequence[str]) -> Prompt:
        text = ">" + "".join(move + self.step_end for move in moves)
        return Prompt(
            id=f"{self.game.name} {text}",
            text=text,
            key=f"{self.game.name} {state.key():016x}",
            stratum=f"player {state.player() + 1}",
        )

    def _openings(self, split: Split, seed: int) -> Iterator[Prompt]:
        """Distinct positions, shorter openings as likely as longer, until hardly any new one is met."""
        source = random.Random(f"{self.game.name} openings {split} {seed}")
        seen: set[str] = set()
        misses = 0
        while misses < 1000:
            state, moves = self.game.initial(), []
            for _ in range(source.randint(0, self.opening_plies)):
                actions = state.legal_actions()
                if not actions:
                    break
                action = source.choice(actions)
                moves.append(state.action_text(action))
                state.play(action)
            misses += 1
            prompt = self._prompt(state, moves)
            if state.outcome() is None and prompt.key not in seen and split_of(prompt.key) == split:
                seen.add(prompt.key)
                misses = 0
                yield prompt

    def _play(self, prompt: Prompt, completion: str) -> Line:
        """No more moves are read than the game can have."""
        state = self.game.initial()
        moves: list[str] = []
        text = prompt.text.removeprefix(">") + completion
        position = 0
        while state.outcome() is None:
            end = text.find(self.step_end, position)
            if end < 0:
                break
            try:
                action = state.parse_action(text[position : min(end, position + 64)])
            except InputError:
                break
            moves.append(state.action_text(action))
            state.play(action)
            position = end + 1
        return Line(state, tuple(moves), text[position:])

    def _random_play(self, prompt: Prompt, source: random.Random) -> str:
        state = self._play(prompt, "").state
        text = ""
        while actions := state.legal_actions():
            action = source.choice(actions)
            text += state.action_text(action) + self.step_end
            state.play(action)
        return text


class NimText(TextGame):
    """Nim as text; see games.nim for its options."""

    def __init__(self, heaps: str | int = "3-4-5", opening_plies: int = 4) -> None:
        super().__init__(f"nim:heaps={heaps}", opening_plies)
        self.name = option.spec("nim", heaps=(str(heaps), "3-4-5"), opening_plies=(opening_plies, 4))


class TicTacToeText(TextGame):
    """Tic-tac-toe as text, cells numbered from 1."""

    def __init__(self, opening_plies: int = 4) -> None:
        super().__init__("tictactoe", opening_plies)
        self.name = option.spec("tictactoe", opening_plies=(opening_plies, 4))


def _move_texts(game: Game) -> list[str]:
    """Texts of all moves, and of those of some random games where texts depend on the position."""
    texts = {game.initial().action_text(action) for action in range(game.num_actions)}
    source = random.Random(0)
    for _ in range(8):
        state = game.initial()
        while actions := state.legal_actions():
            action = source.choice(actions)
            texts.add(state.action_text(action))
            state.play(action)
    return sorted(texts)
