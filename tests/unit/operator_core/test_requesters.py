"""Who is named for a release: the client that wrote what changed, a person only where an annotation says it then."""

from typing import Any

import pytest

from aiapp_operator.release.notes import REQUESTED_BY
from aiapp_operator.release.requesters import LONGEST, condensed, requested_by
from aiapp_operator.state import Manifest, Part, Stream

NOON = "2026-11-23T12:00:00Z"
JANE = "jane@contoso.com"


def entry(manager: str, *fields: str, time: str = NOON, person: bool = False, **more: Any) -> Manifest:
    """Return what the API server keeps of a client that wrote these fields of spec, such as `serving.env`."""
    spec: Manifest = {}
    for field in fields:
        name, _, inner = field.partition(".")
        spec.setdefault(f"f:{name}", {}).update({f"f:{inner}": {}} if inner else {})
    written: Manifest = {"f:spec": spec} if spec else {}
    if person:
        written["f:metadata"] = {"f:annotations": {".": {}, f"f:{REQUESTED_BY}": {}}}
    shape = {"apiVersion": "aiapp.dev/v1alpha1", "fieldsType": "FieldsV1", "operation": "Update"}
    return {**shape, "manager": manager, "time": time, "fieldsV1": written, **more}


def app(*entries: Manifest, person: str = "") -> Manifest:
    annotations = {REQUESTED_BY: person} if person else {}
    return {"metadata": {"name": "digits", "annotations": annotations, "managedFields": list(entries)}}


@pytest.mark.parametrize(
    ("part", "client"),
    [(Part.IMAGE, "azure-pipelines"), (Part.MODEL, "kubectl-patch"), (Part.CONFIG, "argocd-controller")],
)
def test_a_part_is_asked_for_by_the_client_that_wrote_its_field(part: Part, client: str) -> None:
    fields = (
        entry("azure-pipelines", "image", time="2026-11-23T11:00:00Z"),
        entry("kubectl-patch", "modelVersion"),
        entry("argocd-controller", "serving.env", "release", time="2026-11-23T11:30:00Z"),
    )
    assert requested_by(app(*fields), (), {part}) == client


def test_of_several_that_own_a_field_the_last_is_named() -> None:
    fields = (entry("helm", "image"), entry("flux", "image", time="2026-11-23T12:00:01Z"), entry("old", "image"))
    assert requested_by(app(*fields), (), {Part.IMAGE}) == "flux"


def test_what_a_followed_stream_brought_was_asked_for_by_nobody() -> None:
    written = app(entry("kubectl-edit", "image", "modelPolicy"))
    assert requested_by(written, set(Stream), {Part.IMAGE}) == "the registry"
    assert requested_by(written, set(Stream), {Part.MODEL}) == "the store"
    assert requested_by(written, {Stream.MODEL}, {Part.IMAGE, Part.MODEL}) == "kubectl-edit, the store"
    assert requested_by(written, set(Stream), {Part.CONFIG}) == "kubectl-edit"  # another repository


def test_a_client_of_several_parts_is_named_once() -> None:
    written = app(entry("kubectl-edit", "image", "modelVersion"))
    assert requested_by(written, (), {Part.IMAGE, Part.MODEL, Part.CONFIG}) == "kubectl-edit"


def test_a_field_that_was_removed_was_removed_by_the_last_that_wrote_any() -> None:
    written = app(entry("old", "release"), entry("kubectl-edit", "suspend", time="2026-11-23T12:00:01Z"))
    assert requested_by(written, (), {Part.CONFIG}) == "kubectl-edit"


def test_who_scales_or_writes_status_asks_for_no_release() -> None:
    later = "2026-11-23T13:00:00Z"
    written = app(
        entry("argocd-controller", "serving.resources"),
        entry("kubectl-edit", "serving.replicas", time=later),
        entry("kubectl-scale", "serving.replicas", time=later, subresource="scale"),
        entry("aiapp-operator", "serving", time=later, subresource="status"),
    )
    assert requested_by(written, (), {Part.CONFIG}) == "argocd-controller"


def test_a_person_is_named_where_the_annotation_came_with_the_edit() -> None:
    same = app(entry("azure-pipelines", "image", person=True), person=JANE)
    assert requested_by(same, (), {Part.IMAGE}) == f"azure-pipelines ({JANE})"
    just_before = entry("kubectl-annotate", person=True, time="2026-11-23T11:59:00Z")
    assert requested_by(app(entry("kubectl-patch", "image"), just_before, person=JANE), (), {Part.IMAGE}) == (
        f"kubectl-patch ({JANE})"
    )


def test_an_annotation_of_an_edit_before_names_nobody() -> None:
    stale = entry("azure-pipelines", "modelVersion", person=True, time="2026-11-16T12:00:00Z")
    assert requested_by(app(entry("kubectl-edit", "image"), stale, person=JANE), (), {Part.IMAGE}) == "kubectl-edit"
    assert requested_by(app(entry("kubectl-edit", "image"), person=JANE), (), {Part.IMAGE}) == "kubectl-edit"


def test_nobody_is_named_for_what_a_stream_brought_by_itself() -> None:
    written = app(entry("azure-pipelines", "image", person=True), person=JANE)
    assert requested_by(written, {Stream.IMAGE}, {Part.IMAGE}) == "the registry"


def test_strangers_words_are_one_short_line() -> None:
    written = app(entry("a\nb\x1b[31m", "image", person=True), person="x\u2028y\n" + "z" * 1000)
    words = requested_by(written, (), {Part.IMAGE})
    assert words.startswith("a b [31m (x y zzz")
    assert words.isprintable()
    assert len(words) < 2 * LONGEST


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        "x",
        [None, "x", {}, {"fieldsV1": None}, {"fieldsV1": {"f:spec": "x"}}],
        [{"fieldsV1": {"f:spec": {}, "f:metadata": []}, "manager": "x"}],
    ],
)
def test_where_nothing_is_known_nobody_is_named(fields: Any) -> None:
    assert requested_by({"metadata": {"managedFields": fields}}, (), {Part.IMAGE}) == ""
    assert requested_by({"metadata": {}}, (), {Part.IMAGE}) == ""


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-11-23T12:00:00"])
def test_a_time_that_cannot_be_read_is_the_oldest(time: Any) -> None:
    written = app(entry("odd", "image", time=time), entry("kubectl", "image", time="1970-01-02T00:00:00Z"))
    assert requested_by(written, (), {Part.IMAGE}) == "kubectl"


def test_what_is_kept_of_the_fields_says_the_same_and_is_little() -> None:
    large = entry("argocd-controller", "image", "serving.env", person=True)
    large["fieldsV1"]["f:spec"]["f:serving"]["f:env"] = {f'k:{{"name":"{n}"}}': {".": {}} for n in range(100)}
    large["fieldsV1"]["f:metadata"]["f:labels"] = {"f:team": {}}
    kept = condensed([large, entry("aiapp-operator", subresource="status"), entry("kubectl-label")])
    assert kept == [
        {
            "manager": "argocd-controller",
            "time": NOON,
            "fieldsV1": {
                "f:spec": {"f:image": {}, "f:serving": {"f:env": {}}},
                "f:metadata": {"f:annotations": {f"f:{REQUESTED_BY}": {}}},
            },
        }
    ]
    assert condensed(kept) == kept
