"""The picture: requests per second of every arm, one panel for each payload."""

from pathlib import Path
from typing import Any, Final

from serving.report import MAIN, Results

COLOURS: Final = {"ours": "#0b6e4f", "bare": "#8a8a8a", "": "#3b6ea8"}


def colour(name: str) -> str:
    """Return ours, bare granian and the peers told apart."""
    return next(shown for start, shown in COLOURS.items() if name.startswith(start))


def bars(results: Results, payload: str) -> list[tuple[str, float]]:
    """Return the arms of a payload and their requests per second at 16 connections, the fastest first."""
    found = [
        (name, one.cells[payload, MAIN].value("per_second"))
        for name, one in results.items()
        if (payload, MAIN) in one.cells
    ]
    return sorted(found, key=lambda bar: -bar[1])


def draw(results: Results, path: Path) -> None:
    """Write the picture as SVG, the same bytes for the same figures."""
    import matplotlib as mpl  # type: ignore[import-not-found]  # noqa: PLC0415 - of this benchmark's own environment

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "serving"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    payloads = list(dict.fromkeys(payload for one in results.values() for payload, _ in one.cells))
    panels = {payload: bars(results, payload) for payload in payloads}
    heights = [len(shown) + 1.5 for shown in panels.values()]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(9, 0.3 * sum(heights) + 0.5),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for axis, (payload, shown) in zip(axes[:, 0], panels.items(), strict=True):
        _panel(axis, payload, shown)
    figure.suptitle(f"Requests per second, {MAIN} connections, server on one core (logarithmic)", fontsize=11)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _panel(axis: Any, payload: str, shown: list[tuple[str, float]]) -> None:
    names, rates = [name for name, _ in shown], [rate for _, rate in shown]
    drawn = axis.barh(names, rates, color=[colour(name) for name in names], height=0.7)
    axis.bar_label(drawn, labels=[f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(min(rates) / 2, max(rates) * 2.5)
    axis.invert_yaxis()
    axis.set_title(payload, fontsize=10, loc="left")
    axis.tick_params(labelsize=8, which="both")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
