from aiapp_operator.state import Key, Manifest, ObjectId
from aiapp_operator.view import Place, View, newer

KEY = Key("vision", "digits")


def _object(kind: str, version: str, name: str = "digits", uid: str = "u1", **labels: str) -> Manifest:
    labels = labels or {"app.kubernetes.io/instance": "digits"}
    metadata = {"namespace": "vision", "name": name, "uid": uid, "resourceVersion": version, "labels": labels}
    return {"kind": kind, "metadata": metadata}


def test_what_was_seen_is_found_by_app() -> None:
    view = View()
    for kind in ("AIApp", "Deployment", "Service", "Pod"):
        assert view.record(_object(kind, "1")) == {KEY}
    assert view.app(KEY) == _object("AIApp", "1")
    assert set(view.children(KEY)) == {ObjectId("Deployment", "digits"), ObjectId("Service", "digits")}
    assert view.pods(KEY) == (_object("Pod", "1"),)
    assert view.app(Key("vision", "other")) is None


def test_a_known_version_is_swallowed() -> None:
    view = View()
    view.record(_object("AIApp", "5"))
    assert view.record(_object("AIApp", "5")) == set()
    assert view.record(_object("AIApp", "5"), listed=True) == set()


def test_an_older_version_is_swallowed_from_a_watch_and_believed_from_a_list() -> None:
    view = View()
    view.record(_object("AIApp", "10"))
    assert view.record(_object("AIApp", "9")) == set()
    assert view.version(Place("AIApp", *KEY)) == "10"
    assert view.record(_object("AIApp", "9"), listed=True) == {KEY}


def test_a_new_object_of_the_same_name_replaces_the_old_one() -> None:
    view = View()
    view.record(_object("AIApp", "10", uid="u1"))
    assert view.record(_object("AIApp", "9", uid="u2")) == {KEY}


def test_a_late_deletion_leaves_the_next_object_of_that_name() -> None:
    view = View()
    view.record(_object("Deployment", "10", uid="u2"))
    assert view.gone(_object("Deployment", "11", uid="u1")) == set()
    assert view.gone(_object("Deployment", "12", uid="u2")) == {KEY}
    assert view.children(KEY) == {}


def test_a_deletion_of_what_was_never_seen_changes_nothing() -> None:
    assert View().gone(_object("Deployment", "1")) == set()


def test_an_object_whose_label_was_edited_changes_both_apps() -> None:
    view = View()
    view.record(_object("Deployment", "1"))
    moved = _object("Deployment", "2", **{"app.kubernetes.io/instance": "other"})
    assert view.record(moved) == {KEY, Key("vision", "other")}
    assert view.children(KEY) == {}


def test_an_object_that_names_no_app_is_not_kept() -> None:
    view = View()
    assert view.record(_object("Deployment", "1", unrelated="x")) == set()
    view.record(_object("Deployment", "2"))
    assert view.record(_object("Deployment", "3", unrelated="x")) == {KEY}
    assert list(view.places("Deployment")) == []


def test_of_managed_fields_only_those_that_tell_who_asked_are_kept() -> None:
    view = View()
    for kind in ("AIApp", "Deployment"):
        manifest = _object(kind, "1")
        written = {"f:spec": {"f:image": {}}, "f:metadata": {"f:labels": {"f:team": {}}}}
        status = {"manager": "aiapp-operator", "subresource": "status", "fieldsV1": {"f:status": {}}}
        manifest["metadata"]["managedFields"] = [{"manager": "kubectl", "time": "t", "fieldsV1": written}, status]
        view.record(manifest)
    app = view.app(KEY)
    assert app
    kept = {"manager": "kubectl", "time": "t", "fieldsV1": {"f:spec": {"f:image": {}}}}
    assert app["metadata"]["managedFields"] == [kept]
    assert "managedFields" not in view.children(KEY)[ObjectId("Deployment", "digits")]["metadata"]


def test_versions_compare_as_numbers_and_otherwise_by_difference() -> None:
    assert newer("10", than="9")
    assert not newer("9", than="10")
    assert newer("b", than="a")
    assert not newer("a", than="a")
