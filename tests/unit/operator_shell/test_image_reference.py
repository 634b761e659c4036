import pytest

from aiapp_operator.image_reference import ImageReference

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "registry", "path", "tag", "digest"),
    [
        ("contoso.azurecr.io/digits:1.4.2", "contoso.azurecr.io", "digits", "1.4.2", None),
        ("registry.test:5000/team/digits:v1", "registry.test:5000", "team/digits", "v1", None),
        ("localhost/digits:1", "localhost", "digits", "1", None),
        (f"ghcr.io/a/b_c/d-e@{DIGEST}", "ghcr.io", "a/b_c/d-e", None, DIGEST),
        (f"ghcr.io/a:7@{DIGEST}", "ghcr.io", "a", "7", DIGEST),
        ("[fd00::1]:5000/digits:1", "[fd00::1]:5000", "digits", "1", None),
    ],
)
def test_a_reference_is_taken_apart(text: str, registry: str, path: str, tag: str | None, digest: str | None) -> None:
    assert ImageReference.parse(text) == ImageReference(registry, path, tag, digest)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("digits:1.4.2", "does not name registry and repository"),
        ("team/digits:1", "does not name registry and repository"),
        ("contoso.azurecr.io/Digits:1", "does not name registry and repository"),
        ("contoso.azurecr.io/digits:", "does not name registry and repository"),
        ("contoso.azurecr.io/digits@sha256:abc", "does not name registry and repository"),
        ("https://contoso.azurecr.io/digits:1", "does not name registry and repository"),
        ("contoso.azurecr.io/digits:1\n", "does not name registry and repository"),
        ("contoso.azurecr.io/digits", "write contoso.azurecr.io/digits:1.4.2"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_fix(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        ImageReference.parse(text)


@pytest.mark.parametrize("text", ["contoso.azurecr.io/digits", "registry.test:5000/team/digits", "localhost/digits"])
def test_a_bare_reference_is_a_repository(text: str) -> None:
    reference = ImageReference.parse(text, bare=True)
    assert (reference.repository, reference.tag, reference.digest) == (text, None, None)


@pytest.mark.parametrize("chosen", [":1.4.2", f"@{DIGEST}", f":1.4.2@{DIGEST}"])
def test_a_bare_reference_leaves_the_choice_to_the_policy(chosen: str) -> None:
    with pytest.raises(ValueError, match=r"imagePolicy chooses: write contoso\.azurecr\.io/digits, or"):
        ImageReference.parse(f"contoso.azurecr.io/digits{chosen}", bare=True)


def test_a_bare_reference_names_its_registry() -> None:
    with pytest.raises(ValueError, match="does not name registry and repository"):
        ImageReference.parse("digits", bare=True)


def test_a_pod_runs_the_repository_by_digest() -> None:
    assert ImageReference.parse(f"ghcr.io/a/b:7@{DIGEST}").pinned(DIGEST) == f"ghcr.io/a/b@{DIGEST}"
