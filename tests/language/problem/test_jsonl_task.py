"""Tasks that are files: what is read, what is refused by line, and where the answers stay."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli.text.run import open_task
from engine.errors import UserError
from engine.language.model.conversation import conversation, conversation_text
from engine.language.problem import row_file
from engine.language.problem.jsonl_task import JsonlTask
from engine.language.problem.task_laws import check_task
from engine.language.problem.verifier import VerifierPool, open_verifier
from engine.language.task import Prompt, split_of

ROWS = [{"prompt": f"{i}+{i}=", "answer": 2 * i} for i in range(60)]


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return write(tmp_path / "sums.jsonl", ROWS)


@pytest.mark.parametrize("verifier", ["exact", "numeric"])
def test_a_file_is_a_task_that_keeps_the_laws(path: str, verifier: str) -> None:
    task = JsonlTask(path, verifier=verifier)
    assert check_task(task, 10, 1) > 60
    splits = {split: task.prompts(split, 99, 1) for split in ("train", "validation", "test")}
    assert sum(map(len, splits.values())) == 60
    assert all(split_of(prompt.text) == split for split, prompts in splits.items() for prompt in prompts)
    assert task.inline == (verifier == "exact"), "mathematics may take long"
    assert task.prompts("train", 99, 1) != task.prompts("train", 99, 2)


def test_prompts_carry_no_answer(tmp_path: Path) -> None:
    task = JsonlTask(write(tmp_path / "x", [{"prompt": f"p{i}", "answer": f"SECRET{i}"} for i in range(30)]))
    shown = [
        repr(prompt) for split in ("train", "validation", "test") for prompt in task.prompts(split, 99, 0)
    ]
    assert len(shown) == 30
    assert not any("SECRET" in text for text in shown)
    assert "SECRET" in task.demonstrations(1, 0)[0].completion


def test_columns_have_names_of_ones_own_and_say_the_split(tmp_path: Path) -> None:
    rows = [
        {"q": f"q{i}", "a": "(B)", "how": f"because {i}. Answer: B", "fold": fold}
        for i, fold in enumerate(["train", "validation", "test"] * 4)
    ]
    task = JsonlTask(
        write(tmp_path / "x", rows), "q", "a", "choice", completion="how", split="fold", max_tokens=20
    )
    assert check_task(task, 4, 0) > 60
    assert sorted(prompt.text for prompt in task.prompts("test", 9, 0)) == ["q11", "q2", "q5", "q8"]
    assert task.demonstrations(1, 0)[0].completion.endswith("Answer: B")
    assert task.verify(task.prompts("test", 1, 0)[0], "b").score == 1


def test_numbers_are_taken_as_they_are_written(tmp_path: Path) -> None:
    rows = ['{"prompt": "x", "answer": 1.50}', '{"prompt": "y", "answer": 12345678901234567890123}']
    task = JsonlTask(write(tmp_path / "x", rows))
    answers = {row.prompt.text: row.answer for row in task._rows}
    assert answers == {"x": "1.50", "y": "12345678901234567890123"}


@pytest.mark.parametrize(
    ("row", "options", "complaint"),
    [
        ("{", {}, ":2: not JSON"),
        ("[" * 100_000, {}, ":2: not JSON"),
        ('["x"]', {}, ':2: ["x"] is not a JSON object'),
        ({"prompt": "x"}, {}, ":2: no 'answer'; there are prompt"),
        ({"prompt": "", "answer": "1"}, {}, ":2: 'prompt' is empty"),
        ({"prompt": None, "answer": "1"}, {}, ":2: 'prompt' is null; give text or a number"),
        ({"prompt": "x", "answer": True}, {}, ":2: 'answer' is true; give text"),
        ({"prompt": "x", "answer": ["1"]}, {}, ":2: 'answer' is "),
        ('{"prompt": "x", "answer": NaN}', {}, ":2: NaN is not JSON"),
        ('{"prompt": "x", "answer": "1", "answer": "2"}', {}, ':2: "answer" is given twice'),
        ({"prompt": "x", "answer": " "}, {}, ":2: 'answer' is '': it cannot be read"),
        (
            {"prompt": "x", "answer": "many"},
            {"verifier": "numeric"},
            ":2: 'answer' is 'many': it cannot be read",
        ),
        ({"prompt": "x", "answer": "1"}, {"verifier": "choice"}, ":1: 'answer' is '0'"),
        ({"prompt": "x", "answer": "a\nb"}, {}, ":2: 'answer' holds '\\n', which ends a completion"),
        ('{"prompt": "\\ud800", "answer": "x"}', {}, ":2: 'prompt' has half of a surrogate pair"),
        ({"prompt": "x" * 100_001, "answer": "x"}, {}, ":2: 'prompt' has 100001 characters"),
        ({"prompt": "0+0=", "answer": "1"}, {}, ":2: the prompt of line 1 with another answer"),
        ({"prompt": "x", "answer": "1"}, {"split": "fold"}, ":1: no 'fold'"),
        ({}, {"verifier": "near"}, "verifier is 'near'; give exact, numeric, choice or regex"),
        ({}, {"verifier": "regex"}, "a pattern is needed"),
        ({}, {"pattern": "(x)"}, "a pattern is needed for the verifier 'regex', and for no other"),
        ({}, {"max_tokens": 0}, "max_tokens is 0"),
        ({}, {"answer": "prompt"}, "'prompt' is the column of prompts and of answers; name two"),
        ({}, {"end": ""}, "end is ''"),
    ],
)
def test_what_cannot_be_used_is_refused_by_line(
    tmp_path: Path, row: Any, options: dict[str, Any], complaint: str
) -> None:
    path = write(tmp_path / "x.jsonl", [ROWS[0], row])
    with pytest.raises(UserError) as caught:
        JsonlTask(path, **options)
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        JsonlTask(str(tmp_path / "x"))
    with pytest.raises(UserError, match="there are none"):
        JsonlTask(write(tmp_path / "x", ["", " "]))
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8: byte 0"):
        JsonlTask(str(tmp_path / "x"))
    with pytest.raises(UserError, match="Is a directory"):
        JsonlTask(str(tmp_path))


def test_a_pattern_that_takes_for_ever_is_killed(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"prompt": "p", "answer": "aa"}])
    options = {"path": path, "verifier": "regex", "pattern": "^((?:a+)+)$"}
    task = JsonlTask(**options)
    assert not task.inline
    prompt = next(p for split in ("train", "validation", "test") for p in task.prompts(split, 1, 0))
    with VerifierPool(
        "engine.language.problem.jsonl_task:JsonlTask", options, deadline_s=1, workers=1
    ) as pool:
        right, wrong, late = pool([(prompt, "aa"), (prompt, "aaa"), (prompt, "a" * 64 + "b")])
    assert (right.score, wrong.score, late.score, late.flags) == (1, 0, 0, ("timeout",))


@pytest.mark.parametrize("name", ["a,b.jsonl", "a:b=c d.jsonl", "x.jsonl.d/y.jsonl", "z.jsonl.jsonl"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    path = write(tmp_path / name, [*ROWS, {"prompt": "5/2=", "answer": 2.5}])
    assert open_task(path).name == f"jsonl:{Path(name).name}"
    task = open_task(f"{path}:verifier=numeric,tolerance=1e-3,end=;")
    assert task.end == ";"
    assert task.verify(Prompt("", "5/2=", ""), "2.501").score == 1
    assert task.verify(Prompt("", "3+3=", ""), "6.001").score == 0, "whole numbers are exact"


def test_a_pattern_may_hold_commas_and_colons(path: str) -> None:
    task = open_task(rf"{path}:verifier=regex,pattern=(?:is:\s)?(\d{{1,3}}),max_tokens=9")
    assert task.max_tokens == 9
    assert task.verify(Prompt("", "3+3=", ""), "is: 6").score == 1


def test_a_fault_is_told_in_the_words_of_the_user(path: str) -> None:
    for spec in (f"{path}:verifier=nearly", f"{path}.jsonl"):
        with pytest.raises(UserError) as caught:
            open_task(spec)
        assert f"task '{spec}': " in str(caught.value)
        assert "engine.language" not in str(caught.value)


def texts(task: JsonlTask) -> set[str]:
    return {prompt.text for split in ("train", "validation", "test") for prompt in task.prompts(split, 99, 0)}


LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the same in every process, where tests are named after it


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.JSONL", LINES),
        ("x.ndjson", LINES),
        ("x.jsonl.gz", zipped(LINES)),
        ("x.Jsonl.GZ", zipped(LINES[: len(LINES) // 2]) + zipped(LINES[len(LINES) // 2 :])),
        ("x.gz", zipped(LINES)),
        ("x.json", json.dumps(ROWS).encode()),
        ("x.Json", b"\xef\xbb\xbf" + json.dumps(ROWS, indent=1).encode()),
        ("x.json", json.dumps({"data": ROWS}).encode()),
        ("x.json", json.dumps({f"row {i}": row for i, row in enumerate(ROWS)}).encode()),
        ("x.json", LINES),
        ("x.json.gz", zipped(json.dumps(ROWS).encode())),
    ],
)
def test_rows_are_read_from_documents_and_gzip_too(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    task = open_task(f"{tmp_path / name}:verifier=exact")
    assert isinstance(task, JsonlTask)
    assert texts(task) == {row["prompt"] for row in ROWS}
    assert task.verify(Prompt("", "3+3=", ""), "6").score == 1
    assert texts(open_task(str(tmp_path / name))) == texts(task)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("x.json", b"[true]", "row 1: true is not a JSON object"),
        (
            "x.json",
            b"true",
            "true is no row; give JSON lines (.jsonl), a JSON array or object of rows (.json), or",
        ),
        ("x.json", b'[{"prompt": "x"}]', "row 1: no 'answer'"),
        ("x.json", b'{"k": {"prompt": "x"}}', "row \"k\": no 'answer'"),
        ("x.json", b'[{"prompt": "x", "answer": "1"}', "not JSON"),
        ("x.json", b"[" * 100_000, "nested too deeply"),
        ("x.jsonl.gz", zipped(LINES)[:-20], "damaged gzip"),
        ("x.jsonl.gz", zipped(LINES)[:40] + b"x" * 40, "damaged gzip"),
        ("x.jsonl.gz", b"\xff", "not UTF-8: byte 0"),
        ("x.csv", b"prompt,answer", "such a file is not read; give JSON lines (.jsonl), a JSON array"),
        ("x.parquet", b"PAR1", "such a file is not read; give JSON lines"),
    ],
)
def test_other_files_are_refused_naming_what_is_read(
    tmp_path: Path, name: str, data: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as caught:
        open_task(str(tmp_path / name))
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("line", [b" ", b"\n"])
def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    monkeypatch.setattr(row_file, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(row_file, "MAX_DOCUMENT_BYTES", 1 << 20)
    monkeypatch.setattr(row_file, "MAX_LINE_BYTES", 1 << 18)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(64):
            file.write(line * (1 << 20))
    assert len(packed.getvalue()) < 1 << 18
    for name in ("x.jsonl.gz", "x.json.gz"):
        (tmp_path / name).write_bytes(packed.getvalue())
        with pytest.raises(UserError, match="more than"):
            JsonlTask(str(tmp_path / name))


def test_prompts_that_differ_in_space_only_are_one_problem(tmp_path: Path) -> None:
    rows = [{"prompt": text, "answer": "1"} for text in ("a b?", " a  b?\n", "a\u00a0b?\u200b", "ab?")]
    task = JsonlTask(write(tmp_path / "x", rows))
    assert texts(task) == {"a b?", "ab?"}
    assert task.verify(Prompt("", "a\tb?", ""), "1").score == 1
    with pytest.raises(UserError, match=":5: the prompt of line 1 with another answer, completion or split"):
        JsonlTask(write(tmp_path / "y", [*rows, {"prompt": "a b? ", "answer": "2"}]))
    folds = [{"prompt": "a b?", "answer": "1", "s": "train"}, {"prompt": "a  b?", "answer": "1", "s": "test"}]
    with pytest.raises(UserError, match=":2: the prompt of line 1 with another answer, completion or split"):
        JsonlTask(write(tmp_path / "z", folds), split="s")


def test_messages_are_prompts(tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+1?\n\nNow."},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": [{"type": "text", "text": "2+2?"}]},
    ]
    rows = [
        {"prompt": talk, "answer": "4", "how": [{"role": "assistant", "content": "2+2=4"}]},
        {"prompt": talk[1:2], "answer": "2", "how": "2"},
    ]
    task = JsonlTask(write(tmp_path / "x", rows), completion="how")
    written = "system: Be brief.\n\nuser: 1+1?\n\nNow.\n\nassistant: 2\n\nuser: 2+2?\n\nassistant:"
    assert texts(task) == {written, "1+1?\n\nNow."}
    found = conversation(written)
    assert found == [*talk[:3], {"role": "user", "content": "2+2?"}]
    assert conversation_text(found) == written
    assert conversation("1+1?") is None
    assert {row.completion for row in task._rows} == {"2+2=4", "2"}


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "give a list of messages"),
        ([{"role": "user"}], "give each message a role and content"),
        ([{"from": "human", "value": "x"}], "give each message a role and content"),
        ([{"role": "user", "text": "x"}], "give each message a role and content"),
        ([{"role": "tool", "content": "x"}], "role 'tool' is not read; give system, user, assistant"),
        (
            [{"role": "assistant", "content": "x"}],
            "the last message is of the assistant; end with the user's",
        ),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "content is text, or parts of type text"),
        ([{"role": "system", "content": "x\n\nuser: y"}, {"role": "user", "content": "z"}], "take it out"),
    ],
)
def test_messages_that_are_no_prompt_are_refused(tmp_path: Path, messages: Any, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        JsonlTask(write(tmp_path / "x", [{"prompt": messages, "answer": "1"}]))
    assert ":1: 'prompt': " in str(caught.value)
    assert complaint in str(caught.value)


def test_numbers_are_judged_in_processes_that_can_be_killed(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"prompt": "p", "answer": "\\frac{\\pi}{2}"}])
    task = JsonlTask(path, verifier="numeric")
    (prompt,) = [p for split in ("train", "validation", "test") for p in task.prompts(split, 1, 0)]
    with open_verifier(
        task, "engine.language.problem.jsonl_task:JsonlTask:verifier=numeric", {"path": path}
    ) as pool:
        found = pool([(prompt, text) for text in ("\\boxed{\\pi/2}", "1.5707963", "9^{9^{9^9}}", "1.57")])
    assert isinstance(pool, VerifierPool)
    assert [each.score for each in found] == [1, 1, 0, 0]
    assert found[0].parsed == "\\frac{\\pi}{2}"


def test_a_choice_is_one_of_the_options_that_its_prompt_lists(tmp_path: Path) -> None:
    text = "Which is a bacterium?\nA. Paris\nB. Rome\nC. E. coli\nD. none\nE. all\nAnswer:"
    task = JsonlTask(
        write(tmp_path / "x", [{"prompt": text, "answer": letter} for letter in "C"]), verifier="choice"
    )
    (prompt,) = [p for split in ("train", "validation", "test") for p in task.prompts(split, 1, 0)]
    completions = ("C", "C. E. coli", "E. coli", "J. Smith", "E")
    found = [task.verify(prompt, completion) for completion in completions]
    assert [each.parsed for each in found] == ["C", "C", "", "", "E"]
    assert [each.score for each in found] == [1, 1, 0, 0, 0]
