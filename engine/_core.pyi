"""The C++ core: rules, search, self-play and record decoding.

Shapes: B requests in a batch, A actions of the game, C x H x W planes, M plies, G games.
Every value is for the player to move at its position unless a docstring says otherwise.

Whatever the core is given, it answers or raises: TypeError for a wrong type and for an object whose __init__
has not run, ValueError (InputError is one) or IndexError for a wrong value, MemoryError. One call at a time
may use trees, a pool or a window, with the requests that came from it: InputError for another thread's, and
for the rules of a game in the middle of its own search. Where rules in Python fail in a search, the trees
forget their nodes and can go on; a pool that they stop in the middle of a move refuses to.
"""

from collections.abc import Sequence
from typing import Any, Never, Self

import numpy as np
from numpy.typing import NDArray

EVALUATE: int
"""Request kind: prior logits and value of a position (games with rules)."""
PROPOSE: int
"""Request kind: more moves for a node of a proposed tree."""
VALUE: int
"""Request kind: the value of an ended node of a proposed tree."""

class InputError(ValueError):
    """A user's input breaks the rules or the notation of a game; the message quotes it."""

class _Type(type):
    """What makes the classes of the core; they take no new attributes."""

class Setting(metaclass=_Type):
    """A setting as the core declares it."""

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Raise TypeError: the core makes them."""
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str:
        """What its values are: "bool", "int", "float" or "choice"."""
    @property
    def section(self) -> str:
        """Of the settings file; "" where code alone sets it."""
    @property
    def initial(self) -> Any:
        """Its value where code sets nothing."""
    @property
    def default(self) -> Any:
        """Its value where a user sets nothing."""
    @property
    def noiseless(self) -> Any:
        """What it is in a search without noise; None where that is the same."""
    @property
    def allowed(self) -> tuple[float, float, bool] | None:
        """What a user may set: least, most, and whether the least itself is out; of numbers."""
    @property
    def holds(self) -> tuple[float, float, bool] | None:
        """What the core takes, likewise."""
    @property
    def choices(self) -> str:
        """Of a choice what a user may set, joined by ", "; else ""."""
    @property
    def games_only(self) -> bool:
        """Whether proposed trees need it at `initial`."""
    @property
    def in_core(self) -> bool:
        """Whether it is a field; else what proposes moves reads it."""
    @property
    def does(self) -> str:
        """What it does, for users."""

class State(metaclass=_Type):
    """A position under play.

    Copies share nothing but the game. One pickles as its game, start and moves, and comes back with the same
    key; InputError where its game cannot be pickled.
    """

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Raise TypeError: a game makes them."""
    def player(self) -> int: ...
    def legal_actions(self) -> list[int]: ...
    def play(self, action: int) -> None:
        """Raise InputError where the action is not legal."""
    def outcome(self) -> float | None:
        """For the player to move; None while the game runs."""
    def winning_action(self) -> int:
        """The lowest action that wins at once, -1 where there is none or the game does not look."""
    def score(self) -> tuple[float, NDArray[np.float32]] | None:
        """(points by which the player to move leads as the board stands, owner of each cell [H, W]: 1 the
        player to move, -1 the other, 0 nobody); None where the game has no score."""
    def perft(self, depth: int) -> int:
        """The number of move paths of `depth` plies, 0 to Game.max_plies; chess counts past draws that its
        history makes."""
    def clone(self) -> State: ...
    def __copy__(self) -> State: ...
    def __deepcopy__(self, memo: dict[Any, Any], /) -> State: ...
    def encode(self) -> NDArray[np.float32]:
        """Planes [C, H, W]."""
    def key(self) -> int: ...
    def canonical(self) -> tuple[int, int]:
        """(key, symmetry) of the orientation that stands for all turned positions."""
    def ply(self) -> int: ...
    def position(self) -> tuple[str, list[int]]:
        """(start, actions since)."""
    def text(self) -> str: ...
    def action_text(self, action: int) -> str: ...
    def parse_action(self, text: str) -> int: ...

class Game(metaclass=_Type):
    """The rules of one game on one board size.

    A copy is the game itself. One pickles as its class and the arguments that it was made with: what has been
    done to it since is lost. Raises InputError where no other process could import the class.
    """

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Raise TypeError: make one of a class below."""
    @property
    def name(self) -> str: ...
    @property
    def num_actions(self) -> int: ...
    @property
    def planes_shape(self) -> tuple[int, int, int]: ...
    @property
    def max_plies(self) -> int: ...
    @property
    def has_score(self) -> bool:
        """Whether points on the board decide the game."""
    @property
    def action_symmetries(self) -> NDArray[np.int32]:
        """[S, A]; action a of a position is action_symmetries[s, a] of the position turned by s."""
    @property
    def cell_symmetries(self) -> NDArray[np.int32]:
        """[S, H * W]; cell c of the turned planes holds cell cell_symmetries[s, c] of the original."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[Any, Any], /) -> Self: ...
    def initial(self) -> State: ...
    def parse(self, position: str) -> State:
        """Read a position in the game's notation; raise InputError."""
    def replay(self, start: str, moves: Sequence[int]) -> State:
        """The position that State.position() tells of; raise InputError where a move is not legal."""

class Connect4(Game):
    """Connect Four, seven columns of six; actions are columns 0-6."""

    def __init__(self) -> None: ...

class ChessState(State):
    """A position of chess."""

    def fen(self, shredder: bool = False) -> str:
        """FEN; castling as KQkq, file letters where those are not plain (X-FEN), or always (`shredder`)."""
    def san(self, action: int) -> str: ...
    def repetitions(self) -> int:
        """How often the position has been on the board before."""

class Chess(Game):
    """Chess by FIDE's rules, Chess960, or Gardner's chess on five by five.

    variant: "standard", "chess960" or "gardner".
    draws: "threefold" ends at the third occurrence and after 50 moves, "fide" at the fifth and after 75.
    start: number of the Chess960 start, 0 to 959.
    history: earlier positions in the planes.
    max_plies: a draw after so many; 0 for as many as the rules allow.
    """

    def __init__(
        self,
        variant: str = "standard",
        draws: str = "threefold",
        start: int = 518,
        history: int = 1,
        max_plies: int = 0,
    ) -> None: ...

class GoState(State):
    """A position of Go. Scores are Black's less White's, komi and handicap bonus included; owners are 1 for
    Black, -1 for White, 0 for nobody, row by row from the top."""

    def area_score(self) -> float: ...
    def area_owners(self) -> list[int]: ...
    def territory_score(self, dead: Sequence[str]) -> float:
        """With prisoners, after the strings at the points `dead` have been taken off."""
    def territory_owners(self, dead: Sequence[str]) -> list[int]: ...
    def captures(self) -> tuple[int, int]:
        """Stones that Black and White have taken."""

class Go(Game):
    """Go on 2x2 to 25x25.

    rules: the name of a rule set, over which ko, suicide, scoring, komi and handicap_bonus go.
    handicap: a number of stones on the fixed points, or points with + between them.
    max_plies: the game is scored after so many; 0 for three a point and 20.
    resumptions: moves that may follow two passes: a stone, or a further pass.
    """

    def __init__(
        self,
        columns: int,
        rows: int,
        rules: str = "tromp-taylor",
        ko: str | None = None,
        suicide: bool | None = None,
        scoring: str | None = None,
        komi: float | None = None,
        handicap_bonus: str | None = None,
        handicap: str = "",
        max_plies: int = 0,
        resumptions: int = 0,
    ) -> None: ...
    @property
    def komi(self) -> float: ...
    @property
    def needs_agreement(self) -> bool:
        """Whether the result rests on an agreement about dead stones; not for self-play."""

class CustomGame(Game):
    """A game of a user: `PythonGame` or `FunctionGame`. Positions are written as action names."""

    def position_text(self, state: State) -> str: ...

class PythonGame(CustomGame):
    """Rules in Python; engine.game.PythonGame is what users derive from.

    symmetries: (cells, actions) of each, the identity first.
    start: a weak reference to what makes the first position, an engine.game.PythonState.
    """

    def __init__(
        self,
        name: str,
        num_actions: int,
        planes_shape: tuple[int, int, int],
        max_plies: int,
        action_names: Sequence[str],
        symmetries: Sequence[tuple[Sequence[int], Sequence[int]]],
        has_score: bool,
        start: Any,
    ) -> None: ...

class FunctionGame(CustomGame):
    """Rules as C functions; engine.numba_game.NumbaGame is what users derive from.

    addresses: in code, of the functions of `Functions` in cpp/games/custom/function_game.h, by name.
    text: a weak reference to what draws the bytes of a state, uint8 [state_bytes].
    """

    def __init__(
        self,
        name: str,
        num_actions: int,
        planes_shape: tuple[int, int, int],
        max_plies: int,
        action_names: Sequence[str],
        symmetries: Sequence[tuple[Sequence[int], Sequence[int]]],
        has_score: bool,
        state_bytes: int,
        addresses: dict[str, int],
        text: Any,
    ) -> None: ...

class DenseReply(metaclass=_Type):
    """Answers to EVALUATE requests, in request order and orientation.

    wdl float32 [B, 3]: probabilities of win, draw and loss for the player to move.
    logits float32 [B, A]: prior logits; illegal actions are ignored.
    Raises ValueError on another shape or dtype. A row whose wdl are no probabilities (none below 0, their sum
    1, both within 0.02), or in which a legal action's logit is NaN or infinite or all of them are -inf, is a
    bad reply: the search takes equal priors and a draw instead, and counts it in `bad_replies`.
    """

    def __init__(self, wdl: NDArray[np.float32], logits: NDArray[np.float32]) -> None: ...
    @property
    def wdl(self) -> NDArray[np.float32]: ...
    @property
    def logits(self) -> NDArray[np.float32]: ...

class ProposalReply(metaclass=_Type):
    """Answers to PROPOSE and VALUE requests, in request order; P proposals in all.

    wdl float32 [B, 3]: value of the requested node (ignored where the node has one already). A row that is no
        probabilities, as in DenseReply, is taken as a draw that proves nothing, and counts as a bad reply.
    offsets int64 [B + 1]: proposals of request b are rows offsets[b] : offsets[b + 1].
    action int32 [P]: opaque ids below 2**31, no more of them than asked for; repeats raise the edge's prior.
    prior float32 [P]: weights, normalised over the node's edges by the tree. One that is negative or not
        finite is taken as 0, and its request counts as a bad reply.
    player int8 [P]: who moves after the action.
    ends bool [P]: whether the action ends the episode.
    tokens int32 [B]: generated for the request, at most `counts` * max_step_tokens in a tree with a budget.
    exact bool [B]: whether the value of an ended node is an exact verdict that may prove nodes.
    """

    def __init__(
        self,
        wdl: NDArray[np.float32],
        offsets: NDArray[np.int64],
        action: NDArray[np.int32],
        prior: NDArray[np.float32],
        player: NDArray[np.int8],
        ends: NDArray[np.bool_],
        tokens: NDArray[np.int32] | None = None,
        exact: NDArray[np.bool_] | None = None,
    ) -> None: ...

class Requests(metaclass=_Type):
    """A batch of questions of a search; empty once it is answered or its trees are forgotten.

    Each `select` gives another. It keeps alive who asks, and `backup` of that one alone takes the answers,
    once: InputError for a batch of another's, an answered, a forgotten or an empty one; nothing changes then.
    """

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Raise TypeError: trees make them."""
    def __len__(self) -> int: ...
    @property
    def kinds(self) -> NDArray[np.uint8]:
        """[B]"""
    @property
    def trees(self) -> NDArray[np.int32]:
        """[B] index of the tree that asks."""
    @property
    def planes(self) -> NDArray[np.float32]:
        """[B, C, H, W] in the canonical orientation; encoded when read, into a buffer used again later."""
    @property
    def legal(self) -> NDArray[np.bool_]:
        """[B, A] in the same orientation."""
    @property
    def counts(self) -> NDArray[np.int32]:
        """[B] number of moves asked for (PROPOSE)."""
    @property
    def nodes(self) -> NDArray[np.int64]:
        """[B] the node that asks; its tree's name for it until the tree advances."""
    @property
    def known(self) -> NDArray[np.int32]:
        """[B] moves that the node has already (PROPOSE)."""
    @property
    def fruitless(self) -> NDArray[np.int32]:
        """[B] requests in a row that brought none; no two requests of a node have this and `known` alike."""
    @property
    def needs_value(self) -> NDArray[np.bool_]:
        """[B] whether the reply's `wdl` is used: not where a node that has its value asks for more moves."""
    def paths(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """offsets [B + 1] and actions; the path to node b is actions[offsets[b] : offsets[b + 1]]."""
    def path(self, index: int) -> list[int]:
        """Actions from the root to the node of one request."""

class SearchParams(metaclass=_Type):
    """Settings of a search; every field is a keyword argument and an attribute.

    What there is and what each does: `search_settings`. Trees and Pool raise InputError for a field out of
    range.
    """

    def __init__(self, **fields: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

def search_settings() -> list[Setting]:
    """The settings of a search, as cpp/search/settings.def declares them."""

class Trees(metaclass=_Type):
    """Search trees, many at once, answered in batches."""

    def __init__(self, game: Game | None, params: SearchParams, seed: int = 0, cache_mb: float = 0) -> None:
        """`game` None: proposed trees. `cache_mb` 0: no evaluation cache."""
    def add(self, state: State, restrictions: Sequence[tuple[int, int, bool, Sequence[int]]] = ()) -> int:
        """Root a new tree at a copy of `state`, of a game with the same name and sizes; its index.

        restrictions: (player, plies, allowed, actions) each: at so many plies from the root on the player
        considers these actions alone, or all but these. Such a tree shares no nodes, and what it leaves out
        keeps a position from being proven lost or drawn.
        """
    def remove(self, tree: int) -> None:
        """Take out a tree that waits for no answer; its index is free for the next that is added."""
    def renew(self, tree: int) -> None:
        """Begin another search of the same root, which keeps all that has been found."""
    def abandon(self) -> None:
        """Forget all requests that wait for an answer; nothing but their visits is lost."""
    def add_proposed(self, player: int = 0, tokens: int | None = None) -> int:
        """A new proposed tree whose root `player` (0 or 1) moves at; its index.

        `tokens` is all that it may spend, None without limit. Before a request for n moves it sets
        n * max_step_tokens aside, and gets the rest back with the reply; where that does not fit it asks for
        fewer, and a tree that must have moves and cannot pay for one is finished.
        """
    def grant(self, tree: int, tokens: int | None) -> None:
        """Let a proposed tree spend `tokens` more than so far; None: without limit."""
    @property
    def tokens_spent(self) -> NDArray[np.int64]:
        """[T]"""
    @property
    def tokens_left(self) -> NDArray[np.int64]:
        """[T] neither spent nor set aside; -1 without limit."""
    max_in_flight: int
    """Leaves that a tree may have waiting at a time."""
    def clear(self) -> None: ...
    def __len__(self) -> int:
        """Indices in use, those of trees taken out among them."""
    def select(self, simulations: int, most: int = ..., endings_first: bool = False) -> Requests:
        """Walk every tree until it waits for an answer or has had `simulations` new visits, or until `most`
        requests have come up. Earlier batches may still wait for their answers, in any order.

        With `endings_first` a batch has VALUE requests alone as long as there are any; what else comes up
        meanwhile is in the batch after them.
        """
    def select_each(self, plan: NDArray[np.int64], most: int = ...) -> Requests:
        """As `select`, over the trees of a plan alone and in its order.

        plan [K, 5]: tree; new visits that its search is to have in the end, by which rules with a schedule
        plan; those after which it pauses; leaves that it may have waiting; bytes that it may take.
        """
    def progress(self, plan: NDArray[np.int64]) -> NDArray[np.int64]:
        """[K, 4] of the trees of a plan: new visits, whether one waits for answers, whether it is done, and
        bytes."""
    def backup(self, requests: Requests, reply: DenseReply | ProposalReply) -> None:
        """Take the answers to a batch that `select` of these trees gave.

        InputError where these trees wait for none to it, ValueError where the answers do not fit it; nothing
        has changed then.
        """
    def root(self, tree: int) -> dict[str, Any]:
        """What the search found at a root.

        actions int32 [n], visits int64 [n], prior float32 [n] (with noise and temperature as searched),
        raw_prior float32 [n] (as the evaluator gave it),
        q float32 [n] (for the root's player, NaN where unvisited), proof int8 [n] (1 won, 0 drawn, -1 lost
        for the root's player, 2 not proven), target float32 [n] (policy target), draw float32 [n]
        (probability) and error float32 [n] (standard error of q), NaN where unvisited, answered int64 [n]
        (visits without those that wait), plies int32 [n] (of the proof to the end of the game, the move
        counted; -1 without), rating float32 [n] (the highest is played), value float, wdl [3], raw_wdl [3],
        root_proof int, simulations int (new ones since the root was set), root_visits int, total_depth int
        (plies of all those simulations), max_depth int, nodes int, bytes int.
        """
    def best_action(self, tree: int) -> int:
        """Most visits or the rule's own choice, lowest action on ties; never gives a proven result away."""
    def principal_variation(self, tree: int, max_plies: int = 20, first: int = -1) -> list[int]:
        """The line expected by the best move, or by the move `first`; where it is proven the proof's."""
    def line_visits(self, tree: int, line: Sequence[int]) -> list[int]:
        """Visits of each move of a line from the root; 0 where the tree has it not: so below the root for a
        move that wins at once, which is known without a visit.
        """
    def most_visited(
        self, tree: int, most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
        """offsets [n + 1], actions and visits [n] of the nodes with most visits, the root first: the path to
        node i is actions[offsets[i] : offsets[i + 1]], and visits are those that went to no other of them."""
    def dump(self, tree: int) -> dict[str, NDArray[Any]]:
        """The whole tree: n nodes, each after its parent, and their E edges.

        Of nodes: parent int32 [n] (its row, -1 the root), action int32 [n] (of the edge from there),
        depth int32 [n], player int8 [n], visits int64 [n], value float32 [n] (mean, for its player, NaN where
        unvisited), raw_value float32 [n] (as evaluated, NaN before), ends bool [n], proof int8 [n] (as in
        `root`). Of edges: edge_offsets int64 [n + 1], edge_action int32 [E], edge_node int32 [E] (its row, -1
        where there is none yet), edge_prior float32 [E], edge_visits int64 [E], edge_q float32 [E] (for the
        player who chooses, NaN where unvisited).
        """
    def advance(self, tree: int, action: int) -> None:
        """Play `action` at the root; keeps its subtree where `reuse` is set.

        In a proposed tree it must have been proposed at the root. Tokens spent stay spent.
        """
    def drop(self) -> None:
        """Forget all nodes and the cache, keep the roots (the weights have changed)."""
    def stats(self) -> dict[str, int]:
        """Counters since construction: simulations, evaluations, cache_hits, terminal_hits, proven_hits,
        transpositions, collisions, bad_replies, capped, tokens."""

def uniform(requests: Requests) -> DenseReply:
    """Equal priors and a draw for every request."""

def rollout(requests: Requests, seed: int, tree_seeds: Sequence[int] | None = None) -> DenseReply:
    """Equal priors and the result of one uniformly random game from each position.

    With `tree_seeds`, one for each tree, its games are a function of its own seed, whatever is searched
    beside it.
    """

class PlayParams(metaclass=_Type):
    """Settings of self-play; every field is a keyword argument and an attribute.

    What there is: `play_settings`; what each does: engine.config.play.SelfplayConfig. Pool raises
    InputError for a field out of range.
    """

    def __init__(self, **fields: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

def play_settings() -> list[Setting]:
    """The settings of self-play that a pool knows, as cpp/selfplay/settings.def declares them."""

class Column(metaclass=_Type):
    """A column of a game's record as the core declares it."""

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Raise TypeError: the core makes them."""
    @property
    def name(self) -> str: ...
    @property
    def level(self) -> str:
        """What has a value each: "game", "ply", "policy" (an entry of a target), "file" (a game in files)."""
    @property
    def dtype(self) -> str:
        """Of NumPy, or "text" (a list of str), "texts" or "wdl" (float32 [3])."""
    @property
    def since(self) -> int:
        """Version of the files that has it first."""
    @property
    def before(self) -> Any:
        """What stands for it in older files."""
    @property
    def is_nullable(self) -> bool:
        """Whether NaN is null in files."""
    @property
    def is_from_rules(self) -> bool:
        """Whether the core finds it by playing the moves, whatever it is given."""
    @property
    def is_of_search(self) -> bool:
        """Whether it tells what the search of a ply did."""
    @property
    def does(self) -> str:
        """What it holds, for users."""

def record_columns() -> list[Column]:
    """The columns of a game's record, as cpp/selfplay/columns.def declares them, in the order of files."""

class Pool(metaclass=_Type):
    """Games side by side, each with its own tree, played by one caller.

    Game ids are first_id, first_id + stride, …: a game's moves depend on (seed, id) and the weights alone.
    """

    def __init__(
        self,
        game: Game,
        search: SearchParams,
        play: PlayParams,
        *,
        seed: int,
        games: int,
        first_id: int = 0,
        stride: int = 1,
        cache_mb: float = 64,
        checkpoint: int = 0,
    ) -> None:
        """`games` of them side by side, 1 to 65536. InputError for a game that is over before it starts."""
    def start(self, positions: int) -> None:
        """Play until `positions` more searched moves have been made; `select` is empty from then on.

        Trees are forgotten then, with the batches not answered; the searches under way begin anew at the
        next start.
        """
    def finish(self) -> None:
        """As if the moves had been made, from any thread and while `select` runs.

        That may take long where every position is known already and none is asked.
        """
    def select(self, most: int = ...) -> Requests:
        """The next batch, of `most` requests at most; earlier ones may still wait for their answers.

        Empty once the moves are made. Raise InputError for a game without any choice.
        """
    def backup(self, requests: Requests, reply: DenseReply) -> None:
        """As `Trees.backup`."""
    def take_games(self) -> dict[str, Any]:
        """Finished games since the last call as columns (engine.selfplay.game_table), then forget them.

        `rules` beside them is the name of their game.
        """
    def snapshot(self) -> dict[str, Any]:
        """Games under way, in the columns of take_games."""
    def restore(self, games: dict[str, Any], next_id: int) -> None:
        """Go on with the games of a snapshot; batches not answered are forgotten. ValueError or TypeError as
        ReplayWindow.append, and for a game that is over."""
    @property
    def next_id(self) -> int: ...
    def new_weights(self, checkpoint: int, resign_below: float = -1) -> None:
        """Drop trees and cache; moves from now on carry this checkpoint's id.

        Who has had root values below `resign_below` for `resign_plies` moves in a row gives up, but in games
        that are held out; -1: nobody.
        """
    def stats(self) -> dict[str, float]:
        """Counters of Trees.stats, positions (searched moves) and games (finished ones).

        And seconds: rules_s of the rules within `select` (from the share that samples have), record_s of
        moves made and written down there, encode_s of planes.
        """

class ReplayWindow(metaclass=_Type):
    """Games of the replay window in memory, decoded to training samples at C++ speed."""

    def __init__(self, game: Game, *, policy_surprise: float = 0.0, value_surprise: float = 0.0) -> None:
        """Each surprise is the share of a game's weight that its plies have in proportion to it, others as it
        was; both together 1 at most. Of the policy `kl`, of the value from `raw_wdl` to `root_wdl`.
        """
    def append(self, games: dict[str, Any]) -> int:
        """Add a batch of games, columns as Pool.take_games gives them.

        Returns how many positions with weight above zero are distinct in it (by key). Raises InputError for
        `rules` of another game, ValueError for columns that do not fit together or a game, hold an outcome or
        a probability that is none, or a weight below 0, TypeError for what is no array of numbers; nothing is
        added then.
        """
    def trim(self, positions: int) -> None:
        """Drop the oldest whole batches as long as at least `positions` samples remain."""
    @property
    def positions(self) -> int:
        """Plies with weight above zero, the ones that can be sampled."""
    @property
    def games(self) -> int: ...
    def sample(
        self,
        count: int,
        seed: int,
        value_mix: float = 0.0,
        *,
        proven_values: bool = False,
        policy_temperature: float = 1.0,
        horizons: Sequence[float] = (),
        reply: bool = False,
        moves_left: bool = False,
    ) -> dict[str, Any]:
        """Draw plies by weight and decode them, each with a random symmetry.

        planes float32 [B, C, H, W], policy float32 [B, A] (p ** (1 / policy_temperature), normalised), wdl
        float32 [B, 3] (outcome mixed with the search's value by `value_mix`; with `proven_values` a proven
        root's own), legal bool [B, A], weight float32 [B], game_id int64 [B], ply int32 [B]. Where the game
        has a score, at the game's end but for the sample's player to move: owner float32 [B, H * W] (1, 0
        or -1), score float32 [B] in points; where the game was resigned 0 and NaN.

        Where asked for: reply float32 [B, A], the policy target of the next ply in the sample's symmetry,
        zeros where there is none or the same player moves; short_term float32 [B, K, 3], for each of K
        horizons the values of later plies and the outcome, the k-th later one by weight
        (1 / horizon) (1 - 1 / horizon) ** (k - 1), for the sample's player to move; moves_left float32
        [B], plies to the game's end, NaN where it was resigned or cut off.
        """

class Connect4Solver(metaclass=_Type):
    """Exact scores of Connect Four positions (22 minus the winner's stones; 0 a draw)."""

    def __init__(self, table_mb: int = 128) -> None: ...
    def score(self, position: str) -> int:
        """Exact score for the player to move. Raise InputError for an illegal or finished position."""
    def scores(self, position: str) -> list[int | None]:
        """Exact score of every column for the player to move, None where it is full."""
    def outcomes(self, position: str) -> list[int | None]:
        """1, 0 or -1 for every column: what it leads to for the player to move; cheaper than scores."""
    @property
    def nodes(self) -> int: ...
    def clear(self) -> None: ...

def require_position(game: Game, state: State) -> None:
    """Raise InputError where trees of `game` do not take positions of the game of `state`."""

def playout_owners(
    state: State, seed: int, games: int
) -> tuple[NDArray[np.float32], float, tuple[float, float, float]]:
    """Mean owner of each cell [H, W], mean score and share of wins, draws and losses at the ends of random
    games, for the player to move at `state`; in Go they fill no eyes. InputError without a score."""

def play_random_games(game: Game, seed: int, games: int) -> int:
    """Play random games to their ends; the plies of all of them. InputError for one beyond max_plies."""

def rollout_moves(game: Game, seed: int, plies: int) -> Sequence[int]:
    """Actions of a uniformly random game, at most `plies` of them."""
