"""Reads golden cases from files and folders."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from aiapp_models import contract
from aiapp_serving.gate.cases import MAX_CASES, MAX_CASES_BYTES, Case, CasesError, Origin, parse_cases


def read_cases(sources: Iterable[Path], optional: frozenset[Path], bodies: Path) -> tuple[Case, ...]:
    """Return the cases of all sources, in their order; one never replaces another of the same name.

    sources: a file holds cases of the spec; a folder the model's own, in *.json, sorted. optional: folders that need
    not be there. bodies: where the ConfigMaps' bodies are, one folder per case of the spec.

    Raises:
        CasesError: they are not there, or not what is described in docs/gate.md.
    """
    cases: list[Case] = []
    size = 0
    for source in sources:
        if source in optional and not source.exists():
            continue
        origin = Origin.MODEL if source.is_dir() else Origin.SPEC
        for file in sorted(source.glob("*.json")) if origin is Origin.MODEL else [source]:
            content = _read(file, MAX_CASES_BYTES - size)
            size += len(content)
            where = file.stem if origin is Origin.SPEC else f"{source.name}/{file.name}"
            cases += _with_bodies(parse_cases(content, origin, where), bodies)
            if len(cases) > MAX_CASES:
                raise CasesError(f"{file}: there are more than {MAX_CASES:,} cases; keep the telling ones")
    return tuple(cases)


def _with_bodies(cases: tuple[Case, ...], folder: Path) -> Iterable[Case]:
    """Put in what comes from ConfigMaps: the place of a case in the list names its folder."""
    for place, case in enumerate(cases):
        if case.request.body is not None:
            yield case
            continue
        file = folder / str(place) / contract.GATE_BODY
        try:
            body = _read(file, MAX_CASES_BYTES)
        except CasesError as error:
            problem = f"case {case.name}: the ConfigMap of its bodyFrom, or the key in it, is not there"
            raise CasesError(f"{problem}; create it" if error.missing else str(error), missing=error.missing) from None
        yield replace(case, request=replace(case.request, body=body))


def _read(file: Path, at_most: int) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(at_most + 1)
    except FileNotFoundError:
        raise CasesError(f"{file}: no such file", missing=True) from None
    except OSError as error:
        raise CasesError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > at_most:
        raise CasesError(f"{file}: the cases are larger than {MAX_CASES_BYTES // 1024**2} MiB in all; keep small ones")
    return content
