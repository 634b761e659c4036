"""Quantities are written as the API server writes them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiapp_operator.children.quantity import canonical


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0.5", "500m"),
        ("1", "1"),
        (1, "1"),
        ("1.0", "1"),
        (".5", "500m"),
        ("1500m", "1500m"),
        ("1000m", "1"),
        ("2000", "2k"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1000Mi", "1000Mi"),
        ("1024", "1024"),
        ("1000M", "1G"),
        ("0", "0"),
        ("0Gi", "0"),
        ("0.1n", "1n"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("12e2", "1200"),
        ("100e-3", "100e-3"),
    ],
)
def test_is_written_as(written: str | int, stored: str) -> None:
    assert canonical(written) == stored


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1GB", "-", "1e999999999", "0x10", "\u0661"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        canonical(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_writing_twice_changes_nothing(number: int, suffix: str) -> None:
    once = canonical(f"{number}{suffix}")
    assert canonical(once) == once
