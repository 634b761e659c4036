"""A version's folder in the hands of the runtime: what is proved is what will serve."""

from pathlib import Path
from typing import Final

from aiapp_models.contract import GOLDEN_DIR
from aiapp_packing.choices import Choices
from aiapp_packing.errors import PackingError
from aiapp_serving.endpoints import Endpoints
from aiapp_serving.engine import Engine
from aiapp_serving.errors import InvalidInput, ModelError, ModelFault, Refused
from aiapp_serving.formats import AdminChoices, load
from aiapp_serving.gate.case_files import read_cases
from aiapp_serving.gate.cases import Case, CasesError
from aiapp_serving.gate.expectations import Answer, Mismatch, check
from aiapp_serving.settings import Release

_TRUSTED: Final = "where the chart's models.trustedTypes lists them, name them here too: --trusted-types"


def load_served(folder: Path, choices: Choices) -> Engine:
    """Load a folder as a pod does.

    Raises:
        PackingError: no pod would serve it.
    """
    try:
        return load(folder, AdminChoices(trusted_types=choices.trusted_types))
    except ModelError as error:
        fix = _TRUSTED if error.fault is ModelFault.UNTRUSTED_TYPES else ""
        raise PackingError(f"no app would serve this model: {error}", fix) from None


def ask_golden_cases(folder: Path, engine: Engine) -> int:
    """Ask the folder's golden cases as the gate will, each by itself; return how many there are.

    Raises:
        PackingError: one is answered otherwise than all rows together were, or they cannot be read.
    """
    endpoints = Endpoints(engine, Release())
    try:
        cases = read_cases([folder / GOLDEN_DIR], frozenset(), folder)
    except CasesError as error:
        raise PackingError(f"the gate would not read the golden cases: {error}", "give fewer or other rows") from None
    for case in cases:
        try:
            check(case, _answer(endpoints, case))
        except (Mismatch, Refused, InvalidInput) as error:
            fix = (
                "an estimator must answer a row the same whatever rows are beside it; change that, or leave the row out"
            )
            raise PackingError(f"the golden case {case.name} would fail at the gate: {error}", fix) from None
    return len(cases)


def _answer(endpoints: Endpoints, case: Case) -> Answer:
    asked = endpoints.hot()[case.request.path]
    answer = asked(case.request.body or b"", {"CONTENT_TYPE": case.request.content_type})
    return Answer(answer.status, answer.body, 0.0)
