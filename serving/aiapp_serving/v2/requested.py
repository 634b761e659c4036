"""Which outputs a client asks for, and in which form. Pure."""

from typing import Any, Final, NamedTuple

from aiapp_serving.errors import InvalidInput
from aiapp_serving.v2.values import shown

MAX_OUTPUTS: Final = 1_024
_FIELDS: Final = frozenset({"name", "parameters"})


class RequestedOutputs(NamedTuple):
    """names: empty for all. binary: those as raw bytes; None for all of them."""

    names: tuple[str, ...] = ()
    binary: frozenset[str] | None = frozenset()


ALL: Final = RequestedOutputs()
ALL_BINARY: Final = RequestedOutputs((), None)


def requested_outputs(asked: Any, parameters: dict[str, Any], known: tuple[str, ...]) -> RequestedOutputs:
    """Return what `outputs` and the request's own parameters ask for.

    known: the model's outputs, empty where it does not say.

    Raises:
        InvalidInput: it asks for what there is not.
    """
    if not asked and not parameters:
        if asked is None or asked == []:
            return ALL
        raise InvalidInput(f"outputs must be a list, got {shown(asked)}")
    all_binary = _flag(parameters, "binary_data_output", "the request")
    if not asked:
        return RequestedOutputs((), None if all_binary else frozenset())
    if type(asked) is not list or len(asked) > MAX_OUTPUTS:
        raise InvalidInput(f"outputs must be a list of at most {MAX_OUTPUTS}, got {shown(asked)}")
    binary = dict(_output(item, all_binary, known) for item in asked)
    if len(binary) < len(asked):
        raise InvalidInput("outputs: one name is there twice")
    return RequestedOutputs(tuple(binary), frozenset(name for name, form in binary.items() if form))


def _output(item: Any, all_binary: bool, known: tuple[str, ...]) -> tuple[str, bool]:
    """Return one output's name, and whether it is to come as raw bytes."""
    if type(item) is not dict or type(name := item.get("name")) is not str:
        raise InvalidInput(f"outputs: expected objects with a name, got {shown(item)}")
    if not item.keys() <= _FIELDS:
        raise InvalidInput("outputs: an object may have the fields name and parameters, no others")
    if known and name not in known:
        raise InvalidInput(f"outputs: the model has no {shown(name)}; it has {', '.join(known)}")
    parameters = item.get("parameters")
    if not parameters:
        return name, all_binary
    where = f"output {shown(name)}"
    if type(parameters) is not dict:
        raise InvalidInput(f"{where}: parameters must be an object, got {shown(parameters)}")
    if parameters.get("classification"):
        raise InvalidInput(
            f"{where}: parameter classification is not supported; take the largest of the scores yourself, "
            "their names are the labels in the model's metadata"
        )
    if parameters.get("shared_memory_region"):
        raise InvalidInput(f"{where}: parameter shared_memory_region: shared memory is not supported")
    return name, _flag(parameters, "binary_data", where) if "binary_data" in parameters else all_binary


def _flag(parameters: dict[str, Any], name: str, where: str) -> bool:
    value = parameters.get(name, False)
    if type(value) is not bool:
        raise InvalidInput(f"{where}: parameter {name} must be true or false, got {shown(value)}")
    return value
