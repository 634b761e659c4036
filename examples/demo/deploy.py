"""`make deploy`: the operator and the digits example into the cluster that CLUSTER names, then what to try."""

import os
import subprocess
import sys
from typing import Final

from cluster import backends
from cluster.__main__ import DEFAULT_NAME
from cluster.toolchain import ToolchainError
from demo import act_two
from demo.installation import upload_model
from demo.models import folder_of, train_models
from demo.narration import Narrator, StoryError

NAMESPACES: Final = (act_two.SYSTEM, act_two.APPS)


def main() -> int:
    """Set up what act two sets up, and leave it."""
    narrator = Narrator.of(sys.stdout, os.environ)
    try:
        choice = backends.choose(backends.wanted_backend(), backends.this_machine())
        narrator.title(
            f"The operator and the digits example, into cluster {choice.context or DEFAULT_NAME} ({choice.why})"
        )
        cluster = backends.open_cluster(choice, DEFAULT_NAME, narrator.waits_for, stays=True)
        with narrator.step("the cluster"):
            cluster.create()
        train_models(narrator)
        stage = act_two.set_up(act_two.Place(cluster, *NAMESPACES), narrator)
        for version in ("2", "3"):
            upload_model(stage.storage, folder_of(version), narrator)
    except StoryError as error:
        narrator.fail(error)
        return 1
    except (backends.NoBackendError, ToolchainError, RuntimeError, TimeoutError, ValueError) as error:
        narrator.fail(StoryError(str(error), "make cluster"))
        return 1
    except subprocess.CalledProcessError as error:
        narrator.fail(StoryError(f"{error}: {error.output or ''}", f"kubectl -n {act_two.APPS} describe aia"))
        return 1
    _tell_what_to_try(stage, narrator)
    return 0


def _tell_what_to_try(stage: act_two.Stage, narrator: Narrator) -> None:
    kubectl = f"kubectl --namespace {stage.app.namespace}"
    patch = f"{kubectl} patch aia digits --type merge --patch"
    narrator.title("Try:")
    narrator.say(f"export KUBECONFIG={stage.cluster.kubeconfig_path} PATH={stage.cluster.kubectl_path.parent}:$PATH")
    narrator.say(f"{kubectl} get aia digits --watch")
    narrator.say(f"""{patch} '{{"spec":{{"modelVersion":"2"}}}}'      a better model; "3" is a damaged one""")
    narrator.say(f"""{patch} '{{"spec":{{"image":"{stage.pushed.digits["2"]}"}}}}'      better code""")
    narrator.say(f"{kubectl} port-forward service/digits 8080:80 &")
    narrator.say("python3 examples/digits/ask.py http://127.0.0.1:8080/score")
    narrator.say("make cluster-down")


if __name__ == "__main__":
    sys.exit(main())
