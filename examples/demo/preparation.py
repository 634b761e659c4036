"""`python -m demo.preparation`: what act two needs, in the background and at the lowest priority.

Packages first: what builds the cluster's programs imports some of them.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from cluster.cache import cache_dir
from tasks.console import TaskError
from tasks.environment import ensure_environment

NICENESS: Final = 19


def main() -> int:
    """Install and build what is missing; say what is being done in lines."""
    os.nice(NICENESS)
    if Path(sys.prefix).is_relative_to(cache_dir()):  # an environment that somebody else made is left as it is
        try:
            ensure_environment("dev")
        except TaskError as error:
            print(error, flush=True)
            return 1
    build = [sys.executable, "-m", "cluster", "build", "--nice", str(NICENESS)]
    return subprocess.run(build, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
