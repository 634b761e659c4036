"""What became of the releases, and what each of them changed."""

from dataclasses import replace

from aiapp_operator.history import change
from aiapp_operator.ledger import Inputs, Release
from aiapp_operator.state import ResolvedImage, ResolvedModel
from stand_ins.app_cluster import NOON, digest


def a_release(number: int, image: str = "1.4.1", model: str | None = "41", **config: str) -> Release:
    ref = f"contoso.azurecr.io/digits:{image}"
    inputs = Inputs(
        ResolvedImage(ref, digest(ref)), ResolvedModel(model, digest(model), 18_764, NOON) if model else None, config
    )
    return Release(number, f"digits-{inputs.identity}", inputs, ref, {"inputs": inputs.to_json(), "template": {}})


class TestChange:
    def test_of_the_first_release_is_what_it_is_made_of(self) -> None:
        assert change(None, a_release(1, PORT="8080")) == "image 1.4.1, model 41"

    def test_of_both_streams_and_the_config_names_all_three(self) -> None:
        old, new = a_release(1), a_release(2, image="1.4.2", model="42", PORT="8081")
        assert change(old, new) == "image 1.4.1 -> 1.4.2, model 41 -> 42, config changed"

    def test_of_one_stream_names_the_other_once(self) -> None:
        assert change(a_release(1), a_release(2, model="42")) == "image 1.4.1, model 41 -> 42"

    def test_of_the_config_alone(self) -> None:
        assert change(a_release(1), a_release(2, PORT="8081")) == "image 1.4.1, model 41, config changed"

    def test_to_an_image_that_brings_its_model(self) -> None:
        assert change(a_release(1), a_release(2, model=None)) == "image 1.4.1, model 41 -> none"

    def test_of_a_tag_that_moved_tells_its_two_images_apart(self) -> None:
        old, new = a_release(1), a_release(2)
        moved = replace(new, inputs=replace(new.inputs, image=ResolvedImage(new.ref, digest("pushed again"))))
        before, after = old.inputs.image.digest[:19], digest("pushed again")[:19]
        assert change(old, moved) == f"image 1.4.1 ({before}) -> 1.4.1 ({after}), model 41"
