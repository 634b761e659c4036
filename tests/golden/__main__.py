"""Rewrites the golden plans: `PYTHONPATH=operator:serving:tests python -m golden [--observed]`.

With --observed the inputs are made anew from the stories too. They are left alone otherwise: that a newer builder
changes no release that exists is what they show.
"""

import sys

from aiapp_operator.plan import plan
from aiapp_operator.release.releases import unresolved
from golden.cases import CASES
from golden.files import FOLDER, observed_content, plan_content, read, write


def main() -> None:
    """Write all cases; the difference is for git and a reviewer to show."""
    for case, story in CASES.items():
        if "--observed" in sys.argv or not (FOLDER / case / "observed.yaml").exists():
            cluster = story()
            cluster.asked = unresolved(cluster.app, cluster.children, cluster.ordered_revisions)
            write(case, "observed", observed_content(cluster.observed, cluster.settings, cluster.now))
        observed, settings, now = read(case)
        write(case, "plan", plan_content(plan(observed, settings, now), observed))


main()
