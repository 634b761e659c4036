"""What reaches an image, and when two builds are the same."""

from pathlib import Path

import pytest

from cluster.build_context import content_key, context_files, ignore_file, is_ignored, parse_rules

ALLOW_LIST = "# only these\n*\n!serving/aiapp_models\n!requirements.txt\n**/__pycache__\n**/*.pyc\n"


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("", "a", False),
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "b/a", False),
        ("/a/", "a/b", True),
        ("./a", "a", True),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "docs/deep/README.md", True),
        ("**/*.md", "README.md", True),
        ("docs/**", "docs/a/b", True),
        ("docs/*/b", "docs/a/b", True),
        ("?.txt", "a.txt", True),
        ("?.txt", "ab.txt", False),
        ("[ab].txt", "b.txt", True),
        ("a.c", "abc", False),
        ("*\n!keep", "keep/this", False),
        ("*\n!keep\nkeep/not", "keep/not", True),
        ("!keep\n*", "keep", True),
        (ALLOW_LIST, "serving/aiapp_models/contract.py", False),
        (ALLOW_LIST, "serving/aiapp_models/__pycache__/contract.pyc", True),
        (ALLOW_LIST, "serving/other.py", True),
        (ALLOW_LIST, "requirements.txt", False),
        (ALLOW_LIST, "tests/requirements.txt", True),
    ],
)
def test_the_last_matching_rule_decides(rules: str, path: str, ignored: bool) -> None:
    assert is_ignored(path, parse_rules(rules)) is ignored


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("*\n!app\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "score.py").write_text("print(1)\n")
    (tmp_path / "notes").write_text("")
    return tmp_path


def key(context: Path, **build_args: str) -> str:
    return content_key(context / "Dockerfile", context, build_args)


def test_files_are_listed_in_one_order_without_folders(context: Path) -> None:
    (context / "app" / "a").write_text("")
    assert [path.name for path in context_files(context, "*\n!app\n")] == ["a", "score.py"]


def test_what_stays_out_does_not_change_the_key(context: Path) -> None:
    before = key(context)
    (context / "notes").write_text("changed")
    (context / "app" / "score.py").touch()
    assert key(context) == before


def test_everything_that_goes_in_changes_the_key(context: Path) -> None:
    seen = {key(context), key(context, BASE_IMAGE="a"), key(context, BASE_IMAGE="b")}
    (context / "app" / "score.py").chmod(0o755)
    seen.add(key(context))
    (context / "app" / "score.py").write_text("print(2)\n")
    seen.add(key(context))
    (context / "app" / "score.py").rename(context / "app" / "main.py")
    seen.add(key(context))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY app /app\n")
    seen.add(key(context))
    assert len(seen) == 7


def test_the_ignore_file_of_a_dockerfile_goes_before_that_of_the_context(context: Path) -> None:
    assert ignore_file(context / "Dockerfile", context) == context / ".dockerignore"
    own = context / "Dockerfile.dockerignore"
    own.write_text("app\n")
    assert ignore_file(context / "Dockerfile", context) == own
    own.unlink()
    (context / ".dockerignore").unlink()
    assert ignore_file(context / "Dockerfile", context) is None
