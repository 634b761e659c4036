"""The images that the cluster tests install and run; `python -m e2e.product` builds them while other tests run."""

import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.images import ImageArchive, build_image, ensure_base_image
from cluster.toolchain import ToolchainError, say
from e2e.rig import ROOT

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Built:
    """The operator, the serving base, the app of app/score.py on it, and a web server without it."""

    operator: ImageArchive
    serving: ImageArchive
    app: ImageArchive
    plain: ImageArchive


def build() -> Built:
    """Return the images, from the cache where nothing that they are made from has changed."""
    base = {"BASE_IMAGE": ensure_base_image(say).reference}
    serving = build_image("aiapp-serving", ROOT / "Dockerfile.serving", ROOT, base, say)
    on_serving = {"BASE_IMAGE": serving.reference}
    return Built(
        operator=build_image("aiapp-operator", ROOT / "Dockerfile.operator", ROOT, base, say),
        serving=serving,
        app=build_image("test-app", FOLDER / "app" / "Dockerfile", FOLDER / "app", on_serving, say),
        plain=build_image("test-plain", FOLDER / "plain" / "Dockerfile", FOLDER / "plain", base, say),
    )


def main() -> int:
    """Build all; return the exit status."""
    try:
        build()
    except ToolchainError as error:
        say(f"failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
