"""skops files that are whole but for one node, which would run or import what nobody listed."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import skops.io
from sklearn.linear_model import LogisticRegression

from aiapp_serving.errors import ModelFault
from proofs.hostile_case import Case

REACH = {"posix": "mkdir", "builtins": "eval", "subprocess": "Popen", "os": "system", "joblib": "load"}
LOADERS = (
    *("FunctionNode", "TypeNode", "ObjectNode", "ConstructorFromReduceNode", "PartialNode", "MethodNode"),
    "DictNode",
)
_SAFE = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "is_json": True}


def cases(canary: str) -> Iterator[Case]:
    """Give every node with every name, within an estimator; and with every protocol that is read, as the whole."""
    for loader in LOADERS:
        for module, name in REACH.items():
            files = {"m.skops": within_an_estimator(node(loader, module, name, canary))}
            yield Case(f"skops {loader} {module}.{name}", files, (ModelFault.UNTRUSTED_TYPES,))
    for protocol in range(3):
        files = {"m.skops": whole(node("ConstructorFromReduceNode", "posix", "mkdir", canary), protocol)}
        yield Case(f"skops call, protocol {protocol}", files, (ModelFault.UNTRUSTED_TYPES,))
    nobody = {"m.skops": within_an_estimator(node("NoNode", "posix", "mkdir", canary))}
    yield Case("skops with an unknown node", nobody, (ModelFault.CORRUPT,))
    newer = {"m.skops": whole(node("FunctionNode", "posix", "mkdir", canary), 9)}
    yield Case("skops of a protocol to come", newer, (ModelFault.CORRUPT,))
    yield Case("skops without estimator", {"m.skops": skops.io.dumps((1, 2))}, (ModelFault.UNSUPPORTED,))


def node(loader: str, module: str, name: str, canary: str) -> dict[str, Any]:
    """Return a node as skops writes it, of something that it would not write."""
    argument = _of("builtins", "tuple", "TupleNode", content=[{**_SAFE, "content": json.dumps(canary)}])
    nothing = _of("builtins", "dict", "DictNode", content={}, key_types=_of("builtins", "list", "ListNode", content=[]))
    function = _of(module, name, "FunctionNode")
    match loader:
        case "ConstructorFromReduceNode":
            return _of(module, name, loader, content=argument)
        case "PartialNode":
            content = {"func": function, "args": argument, "kwds": nothing, "namespace": nothing}
            return _of("functools", "partial", loader, content=content)
        case "MethodNode":
            return _of(module, name, loader, content={"func": "call", "obj": _of(module, name, "ObjectNode")})
        case "ObjectNode" | "DictNode":
            return _of(module, name, loader, content=nothing["content"] if loader == "DictNode" else nothing) | (
                {"key_types": nothing["key_types"]} if loader == "DictNode" else {}
            )
        case _:
            return _of(module, name, loader)


def within_an_estimator(hostile: dict[str, Any]) -> bytes:
    """Return a fitted estimator, one setting of which is the node."""
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(fitted))) as source:
        files = {name: source.read(name) for name in source.namelist()}
    schema = json.loads(files["schema.json"])
    schema["content"]["content"]["verbose"] = hostile
    return _zip(files | {"schema.json": json.dumps(schema).encode()})


def whole(hostile: dict[str, Any], protocol: int) -> bytes:
    """Return a file that is nothing but the node."""
    return _zip({"schema.json": json.dumps(hostile | {"protocol": protocol, "_skops_version": "0.16.0"}).encode()})


def _of(module: str, name: str, loader: str, **more: object) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()
