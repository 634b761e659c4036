"""The Go modules under `go/`: the programs each gives, the versions stamped into them, when two builds are the same."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

GO_MODULES = Path(__file__).resolve().parent / "go"
KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Go variables that tell a required module's version: variable -> format over `version`, `major` and `minor`."""

    module: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Module:
    """A folder under `go/`: the names its programs are used by, what go builds (its tools, or itself), its stamps."""

    name: str
    programs: tuple[str, ...]
    target: str = "tool"
    stamps: tuple[Stamp, ...] = ()


MODULES = (
    Module(
        "kubernetes",
        KUBERNETES,
        target=".",
        stamps=tuple(
            Stamp(
                "k8s.io/kubernetes",
                {
                    f"{package}.gitVersion": "v{version}",
                    f"{package}.gitMajor": "{major}",
                    f"{package}.gitMinor": "{minor}",
                    f"{package}.gitTreeState": "clean",
                },
            )
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        ),
    ),
    Module(
        "containerd",
        ("containerd", "containerd-shim-runc-v2", "ctr"),
        stamps=(
            Stamp(
                "github.com/containerd/containerd/v2",
                {"github.com/containerd/containerd/v2/version.Version": "v{version}"},
            ),
        ),
    ),
    Module(
        "tools",
        ("registry", "helm", "bridge", "host-local", "loopback", "portmap"),
        stamps=(
            Stamp("helm.sh/helm/v3", {"helm.sh/helm/v3/internal/version.version": "v{version}"}),
            Stamp(
                "github.com/distribution/distribution/v3",
                {"github.com/distribution/distribution/v3/version.version": "v{version}"},
            ),
            # What `helm template` and `helm lint` take the cluster to be.
            Stamp(
                "k8s.io/client-go",
                {
                    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
                    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "{minor}",
                },
            ),
        ),
    ),
    Module("dns", ("coredns",)),
    Module("s3", ("versitygw",)),
    Module("pause", ("pause",), target="."),
    Module("kind", ("kind",)),
)
ONLY_WHEN_ASKED = frozenset({"kind"})
ALL_PROGRAMS = frozenset(program for module in MODULES for program in module.programs) - ONLY_WHEN_ASKED


def modules_for(names: Collection[str] | None) -> tuple[Module, ...]:
    """Return the modules that give these programs; None means all but those that only some backends need.

    Raises:
        ValueError: a name that no module gives.
    """
    wanted = ALL_PROGRAMS if names is None else frozenset(names)
    known = ALL_PROGRAMS | ONLY_WHEN_ASKED
    if unknown := wanted - known:
        raise ValueError(f"no module gives {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    return tuple(module for module in MODULES if wanted & set(module.programs))


def required_version(go_mod: str, module: str) -> str:
    """Return the version of a required module, without the leading `v`.

    Raises:
        ValueError: go.mod does not require it.
    """
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)} v(\S+)", go_mod, flags=re.MULTILINE)
    if not found:
        raise ValueError(f"go.mod does not require {module}")
    return found.group(1)


def linker_flags(module: Module, go_mod: str) -> str:
    """Return the value of `-ldflags`: no symbol tables, and the versions that the programs shall tell."""
    flags = ["-s", "-w"]
    for stamp in module.stamps:
        version = required_version(go_mod, stamp.module)
        major, minor, *_ = version.split(".")
        flags += [
            f"-X {variable}={text.format(version=version, major=major, minor=minor)}"
            for variable, text in stamp.variables.items()
        ]
    return " ".join(flags)


def module_key(module: Module, go_version: str) -> str:
    """Return a short hash of everything that a module's programs are made from."""
    folder = GO_MODULES / module.name
    content = hashlib.sha256(go_version.encode())
    for path in sorted(folder.iterdir()):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    content.update(linker_flags(module, (folder / "go.mod").read_text()).encode())
    return content.hexdigest()[:12]


def is_package_line(line: str) -> bool:
    """Tell whether a line of `go build -v` names a package that was just compiled."""
    return bool(line) and not line.startswith("#") and " " not in line and "\t" not in line


def progress(title: str, done: int, total: int, elapsed: str) -> str:
    """Return one line for people; `done` cannot be more than `total` in it, as a program's link step is named twice."""
    return f"{title}: {min(done, total):,} of {total:,} packages, {elapsed}"
