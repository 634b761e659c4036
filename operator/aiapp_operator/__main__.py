"""Runs the operator: `python -m aiapp_operator`."""

import os
import sys

import kopf

from aiapp_operator.handlers import Handlers, kopf_settings, quiet_logs
from aiapp_operator.settings import Settings


def main() -> None:
    """Run until told to stop."""
    try:
        settings = Settings.from_env(os.environ)
    except ValueError as error:
        sys.exit(f"aiapp-operator: {error}")
    kopf.configure(log_format=kopf.LogFormat.JSON if settings.log_format == "json" else kopf.LogFormat.FULL)
    quiet_logs()
    kopf.run(
        registry=Handlers(settings).registry(),
        settings=kopf_settings(),
        standalone=True,
        clusterwide=True,
        liveness_endpoint=f"http://0.0.0.0:{settings.probe_port}/healthz",
    )


if __name__ == "__main__":
    main()
