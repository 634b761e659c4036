"""Quantities in the form in which the API server stores them, so that a desired object equals the live one."""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+|)", re.ASCII
)
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_NAMES: Final = {power: suffix for suffix, power in _DECIMAL.items()}
_SMALLEST: Final = -9
"""Kubernetes keeps nothing below a billionth and rounds up."""
_LARGEST: Final = 18


def canonical(quantity: str | int) -> str:
    """Return `quantity` as the API server writes it back: "0.5" -> "500m", "1024Mi" -> "1Gi", 1 -> "1".

    Raises:
        ValueError: it is no quantity.
    """
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity: write it such as 500m, 2 or 1Gi")
    number, suffix = Decimal(match["number"]), match["suffix"]
    if suffix in _BINARY[1:]:
        return _binary(number * 1024 ** _BINARY.index(suffix))
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        if abs(int(suffix[1:])) > _LARGEST:
            raise ValueError(f"{quantity!r} is no quantity: exponents go from -{_LARGEST} to {_LARGEST}")
        mantissa, exponent = _power_of_thousand(number.scaleb(int(suffix[1:])))
        return mantissa if exponent == 0 else f"{mantissa}e{exponent}"
    mantissa, exponent = _power_of_thousand(number.scaleb(_DECIMAL[suffix]))
    return mantissa + _NAMES[exponent]


def _binary(number: Decimal) -> str:
    if abs(number) < 1024:
        mantissa, exponent = _power_of_thousand(number)
        return mantissa + _NAMES[exponent]
    whole = int(number.to_integral_value(ROUND_CEILING))
    power = 0
    while whole % 1024 == 0 and power < len(_BINARY) - 1:
        whole, power = whole // 1024, power + 1
    return f"{whole}{_BINARY[power]}"


def _power_of_thousand(number: Decimal) -> tuple[str, int]:
    """Return the whole mantissa and the largest exponent, a multiple of 3, that lose nothing."""
    units = int(number.scaleb(-_SMALLEST).to_integral_value(ROUND_CEILING))
    exponent = _SMALLEST
    while units and units % 1000 == 0 and exponent < _LARGEST:
        units, exponent = units // 1000, exponent + 3
    return (str(units), exponent) if units else ("0", 0)
