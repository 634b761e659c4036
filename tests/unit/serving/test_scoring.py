"""score.py, as people write it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiapp_serving.errors import ScriptError
from aiapp_serving.scoring import describe, load_app, load_scorer, prepare


@pytest.fixture(autouse=True)
def own_imports() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in ("score", "neighbour"):
        sys.modules.pop(name, None)


def script(folder: Path, text: str) -> Path:
    path = folder / "score.py"
    path.write_text(text)
    return path


def test_init_and_run_share_the_module_and_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("FACTOR = 3")
    path = script(
        tmp_path,
        "import neighbour\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 0\n"
        "def init():\n    global f\n    f = neighbour.FACTOR\ndef run(input, scale=1):\n    return f * input * scale\n",
    )
    scorer = load_scorer(path)
    prepare(scorer, path)
    assert scorer.run is not None
    assert scorer.run(2) == 6


def test_init_may_be_left_out(tmp_path: Path) -> None:
    path = script(tmp_path, "run = str.upper")
    scorer = load_scorer(path)
    prepare(scorer, path)
    assert scorer.run is not None
    assert scorer.run("a") == "A"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no function run"),
        ("run = 5", "run is no function but int"),
        ("init = 5\ndef run(input): ...", "init is no function but int"),
        ("def run(): ...", "must take one argument, run(input); it is run()"),
        ("def run(a, b): ...", "must take one argument, run(input); it is run(a, b)"),
        ("def init(context): ...\ndef run(input): ...", "must take no argument, init(); it is init(context)"),
        ("async def run(input): ...", "neither async nor with yield"),
        ("def run(input): yield", "neither async nor with yield"),
        ("def run(input:\n", "cannot be imported at line 1: SyntaxError"),
        ("import nowhere_to_be_found", "cannot be imported: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
    ],
)
def test_a_script_that_cannot_work_is_refused_with_the_fix(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        load_scorer(script(tmp_path, text))
    assert words in str(caught.value)
    assert "score.py" in str(caught.value)


def test_a_missing_script_is_named_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"score\.py is not there") as caught:
        load_scorer(tmp_path / "score.py")
    assert "def run(input)" in str(caught.value)


@pytest.mark.parametrize("statement", ["raise ValueError('no such model')", "raise SystemExit(1)", "1 / 0"])
def test_what_init_raises_is_told(tmp_path: Path, statement: str) -> None:
    path = script(tmp_path, f"def init():\n    {statement}\ndef run(input): ...")
    with pytest.raises(ScriptError, match=r"score\.py: init\(\) raised \w+: ") as caught:
        prepare(load_scorer(path), path)
    assert caught.value.__cause__ is not None


def test_an_error_is_described_by_its_first_line() -> None:
    assert describe(ValueError("one\ntwo")) == "ValueError: one"
    assert describe(KeyError()) == "KeyError"
    assert len(describe(ValueError("x" * 1000))) == 300


WSGI = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'mine']\n"


def test_a_script_may_define_a_wsgi_app_instead(tmp_path: Path) -> None:
    scorer = load_scorer(script(tmp_path, WSGI))
    assert scorer.run is None
    assert scorer.app is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WSGI + "def run(input): ...", "has both run and app: keep run"),
        ("async def app(scope, receive, send): ...", "an ASGI app"),
        ("class A:\n    async def __call__(self, scope, receive, send): ...\napp = A()", "an ASGI app"),
        ("def app(environ): ...", "app must take what WSGI passes"),
    ],
)
def test_what_is_no_wsgi_app_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        load_scorer(script(tmp_path, text))
    assert words in str(caught.value)


def test_an_app_is_named_by_module_and_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "neighbour.py").write_text(WSGI + "broken = 5")
    assert load_app("neighbour:app").app is not None
    for name, words in {
        "neighbour": "write module:name",
        "neighbour:other": "neighbour has no other",
        "neighbour:broken": "broken is no function but int",
        "nowhere_at_all:app": "cannot be imported: ModuleNotFoundError",
    }.items():
        with pytest.raises(ScriptError, match=words):
            load_app(name)
