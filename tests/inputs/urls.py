"""URLs and addresses that a tenant could name, with what the network rules say to each.

The administrator of these cases listed LISTED and named NETWORKS as the cluster's own.
"""

from typing import Final, NamedTuple

LISTED: Final = (
    "http://minio.storage.svc:9000, registry.corp.example:5000, *.corp.example, http://*.plain.example, 192.0.2.10,"
    "https://[fd00:1::10]:9000, store.here.example, localhost:8443, 169.254.169.254, 168.63.129.16"
)
NETWORKS: Final = "10.244.0.0/16,10.96.0.0/12,fd00:10:244::/56"

# What a refusal says.
PLAIN: Final = "plain http"
NEVER: Final = "never asked"
LITERAL: Final = "is an address, not a name"
INSIDE: Final = "inside the cluster or of the machine"
ODD: Final = "unusual way to write an address"
USER: Final = "user or password"
NAME: Final = "must be a name"
PORT: Final = "is not the one of https"
ONE: Final = "one host name and at most one port"
ASCII: Final = "ASCII letters"
SCHEME: Final = "must begin with https"
RANGE: Final = "between 1 and 65535"
BRACKETS: Final = "no IPv6 address"


class UrlCase(NamedTuple):
    """A URL and a part of the refusal; empty: it may be asked, as far as its text tells."""

    url: str
    refusal: str = ""


class AddressCase(NamedTuple):
    """What a URL's host resolves to, and a part of the refusal; empty: it may be connected to."""

    url: str
    address: str
    refusal: str = ""


ENDPOINT_CASES: Final = (
    # --- fine ----------------------------------------------------------------------------------------------------
    UrlCase("https://contosomodels.blob.core.windows.net"),
    UrlCase("https://contosomodels.blob.core.usgovcloudapi.net/"),
    UrlCase("https://s3.eu-west-1.amazonaws.com"),
    UrlCase("https://models.contoso.com:443"),
    UrlCase("https://xn--mnchen-3ya.example"),
    UrlCase("https://1e100.example"),
    UrlCase("http://minio.storage.svc:9000"),
    # --- scheme --------------------------------------------------------------------------------------------------
    UrlCase("http://contosomodels.blob.core.windows.net", PLAIN),
    UrlCase("http://models.contoso.com:443", PLAIN),
    UrlCase("file:///etc/passwd", SCHEME),
    UrlCase("gopher://models.contoso.com", SCHEME),
    UrlCase("ftp://models.contoso.com", SCHEME),
    UrlCase("models.contoso.com", SCHEME),
    UrlCase("//models.contoso.com", SCHEME),
    UrlCase("https:models.contoso.com", SCHEME),
    UrlCase("https:/models.contoso.com", SCHEME),
    # --- who and where, read in two ways ---------------------------------------------------------------------------
    UrlCase("https://", NAME),
    UrlCase("https://models.contoso.com@169.254.169.254", USER),
    UrlCase("https://user:canary@models.contoso.com", USER),
    UrlCase("https://models.contoso.com\\@169.254.169.254", ASCII),
    UrlCase("https://models.contoso.com%2e169.254.169.254", NAME),
    UrlCase("https://models.contoso.com%00.example", NAME),
    UrlCase("https://models.contoso.com\x00.example", ASCII),
    UrlCase("https://models.contoso.com\r\nHost: x", ASCII),
    UrlCase("https://models contoso.com", ASCII),
    UrlCase("https://models..contoso.com", NAME),
    UrlCase("https://models.contoso.com.", NAME),
    UrlCase("https://.contoso.com", NAME),
    UrlCase("https://-models.contoso.com", NAME),
    UrlCase("https://models_1.contoso.com", NAME),
    UrlCase("https://m\u00fcnchen.example", ASCII),
    UrlCase("https://models.contoso\u3002com", ASCII),
    UrlCase("https://\u2460\u2461\u2466.0.0.1", ASCII),
    # --- ports ----------------------------------------------------------------------------------------------------
    UrlCase("https://models.contoso.com:22", PORT),
    UrlCase("https://models.contoso.com:6443", PORT),
    UrlCase("https://models.contoso.com:80", PORT),
    UrlCase("https://models.contoso.com:0", RANGE),
    UrlCase("https://models.contoso.com:65536", RANGE),
    UrlCase("https://models.contoso.com:443:22", ONE),
    UrlCase("https://models.contoso.com:https", ONE),
    # --- names inside ----------------------------------------------------------------------------------------------
    UrlCase("https://kubernetes", INSIDE),
    UrlCase("https://kubernetes.default.svc", INSIDE),
    UrlCase("https://kubernetes.default.svc.cluster.local", INSIDE),
    UrlCase("https://KUBERNETES.default.SVC.cluster.LOCAL", INSIDE),
    UrlCase("https://kubernetes.default.svc.corp.example", INSIDE),
    UrlCase("https://minio.storage.svc:9000", INSIDE),
    UrlCase("http://minio.storage.svc:9001", PLAIN),
    UrlCase("https://localhost", INSIDE),
    UrlCase("https://LocalHost", INSIDE),
    UrlCase("https://models.localhost", INSIDE),
    UrlCase("https://metadata.google.internal", INSIDE),
    UrlCase("https://metadata", INSIDE),
    UrlCase("https://printer.local", INSIDE),
    # --- addresses as hosts -------------------------------------------------------------------------------------------
    UrlCase("https://169.254.169.254", NEVER),
    UrlCase("http://169.254.169.254", PLAIN),
    UrlCase("https://168.63.129.16", NEVER),
    UrlCase("https://127.0.0.1", LITERAL),
    UrlCase("https://10.244.0.1", LITERAL),
    UrlCase("https://20.60.1.1", LITERAL),
    UrlCase("https://2130706433", ODD),
    UrlCase("https://0x7f000001", ODD),
    UrlCase("https://0x7f.0x0.0x0.0x1", ODD),
    UrlCase("https://0177.0.0.1", ODD),
    UrlCase("https://127.1", ODD),
    UrlCase("https://127.0.0.0x1", ODD),
    UrlCase("https://169.254.43518", ODD),
    UrlCase("https://2852039166", ODD),
    UrlCase("https://256.256.256.256", ODD),
    UrlCase("https://0", ODD),
    UrlCase("https://[::1]", LITERAL),
    UrlCase("https://[::]", NEVER),
    UrlCase("https://[::ffff:169.254.169.254]", NEVER),
    UrlCase("https://[::ffff:a9fe:a9fe]", NEVER),
    UrlCase("https://[0:0:0:0:0:ffff:a9fe:a9fe]", NEVER),
    UrlCase("https://[fd00:ec2::254]", NEVER),
    UrlCase("https://[fe80::1]", NEVER),
    UrlCase("https://[fe80::1%25eth0]", ONE),
    UrlCase("https://[127.0.0.1]", BRACKETS),
    UrlCase("https://[::1", ONE),
    UrlCase("https://::1", ONE),
)
"""Also what `endpoint` of a model source is compared with."""

LISTED_CASES: Final = (
    UrlCase("https://models.contoso.com/any/path?with=query#and-more"),
    UrlCase("https://registry.corp.example:5000/v2/"),
    UrlCase("https://a.b.corp.example/"),
    UrlCase("https://corp.example:444", PORT),
    UrlCase("https://evilcorp.example:444", PORT),
    UrlCase("https://a.corp.example:444", PORT),
    UrlCase("http://a.corp.example", PLAIN),
    UrlCase("http://a.plain.example"),
    UrlCase("http://a.plain.example:8080", PLAIN),
    UrlCase("https://192.0.2.10/"),
    UrlCase("https://192.0.2.11/", LITERAL),
    UrlCase("https://[fd00:1::10]:9000/"),
    UrlCase("https://[fd00:1:0:0:0:0:0:10]:9000/"),
    UrlCase("https://[fd00:1::10]/", LITERAL),
    UrlCase("https://localhost:8443"),
    UrlCase("https://localhost:8444", INSIDE),
    UrlCase("https://127.0.0.1:8443", LITERAL),
)
"""What listing does, and what it does not."""

MACHINE: Final = "the machine itself"
CLUSTER: Final = "inside the cluster"
PRIVATE: Final = "a private address"

ADDRESS_CASES: Final = (
    # --- a name of anybody's that leads somewhere else, from the start or a moment after it was checked ------------
    AddressCase("https://models.contoso.com", "20.60.1.1"),
    AddressCase("https://models.contoso.com", "2603:1030::1"),
    AddressCase("https://models.contoso.com", "127.0.0.1", MACHINE),
    AddressCase("https://models.contoso.com", "127.8.8.8", MACHINE),
    AddressCase("https://models.contoso.com", "::1", MACHINE),
    AddressCase("https://models.contoso.com", "::ffff:127.0.0.1", MACHINE),
    AddressCase("https://models.contoso.com", "0.0.0.0", NEVER),
    AddressCase("https://models.contoso.com", "::", NEVER),
    AddressCase("https://models.contoso.com", "fec0::1", NEVER),
    AddressCase("https://models.contoso.com", "::ffff:0:a9fe:a9fe", NEVER),
    AddressCase("https://models.contoso.com", "169.254.169.254", NEVER),
    AddressCase("https://models.contoso.com", "169.254.170.2", NEVER),
    AddressCase("https://models.contoso.com", "168.63.129.16", NEVER),
    AddressCase("https://models.contoso.com", "100.100.100.200", NEVER),
    AddressCase("https://models.contoso.com", "fe80::1%eth0", NEVER),
    AddressCase("https://models.contoso.com", "fd00:ec2::254", NEVER),
    AddressCase("https://models.contoso.com", "224.0.0.1", NEVER),
    AddressCase("https://models.contoso.com", "ff02::1", NEVER),
    AddressCase("https://models.contoso.com", "255.255.255.255", NEVER),
    AddressCase("https://models.contoso.com", "::ffff:169.254.169.254", NEVER),
    AddressCase("https://models.contoso.com", "::169.254.169.254", NEVER),
    AddressCase("https://models.contoso.com", "64:ff9b::a9fe:a9fe", NEVER),
    AddressCase("https://models.contoso.com", "64:ff9b:1::a9fe:a9fe", NEVER),
    AddressCase("https://models.contoso.com", "2002:a9fe:a9fe::1", NEVER),
    AddressCase("https://models.contoso.com", "2001:0:4136:e378:8000:63bf:5601:5601", NEVER),
    AddressCase("https://models.contoso.com", "64:ff9b::143c:101"),
    AddressCase("https://models.contoso.com", "10.0.0.5", PRIVATE),
    AddressCase("https://models.contoso.com", "172.16.0.1", PRIVATE),
    AddressCase("https://models.contoso.com", "192.168.1.1", PRIVATE),
    AddressCase("https://models.contoso.com", "100.64.0.1", PRIVATE),
    AddressCase("https://models.contoso.com", "fd12::1", PRIVATE),
    AddressCase("https://models.contoso.com", "64:ff9b::a00:5", PRIVATE),
    AddressCase("https://models.contoso.com", "::ffff:10.0.0.5", PRIVATE),
    AddressCase("https://models.contoso.com", "10.244.3.7", CLUSTER),
    AddressCase("https://models.contoso.com", "10.96.0.1", CLUSTER),
    AddressCase("https://models.contoso.com", "::ffff:10.96.0.1", CLUSTER),
    AddressCase("https://models.contoso.com", "fd00:10:244::7", CLUSTER),
    AddressCase("https://models.contoso.com", "no address", "no IP address"),
    # --- private endpoints of the clouds -----------------------------------------------------------------------------
    AddressCase("https://contosomodels.blob.core.windows.net", "10.0.0.5"),
    AddressCase("https://contoso.azurecr.io", "10.0.0.5"),
    AddressCase("https://login.microsoftonline.com", "10.0.0.5"),
    AddressCase("https://models.s3.eu-west-1.amazonaws.com", "10.0.0.5"),
    AddressCase("https://s3.dualstack.eu-west-1.amazonaws.com", "fd12::1"),
    AddressCase("https://contosomodels.blob.core.windows.net", "10.244.3.7", CLUSTER),
    AddressCase("https://contosomodels.blob.core.windows.net", "127.0.0.1", MACHINE),
    AddressCase("https://contosomodels.blob.core.windows.net", "169.254.169.254", NEVER),
    AddressCase("https://contosomodels.blob.core.windows.net.evil.example", "10.0.0.5", PRIVATE),
    AddressCase("https://evilblob.core.windows.net", "10.0.0.5", PRIVATE),
    AddressCase("https://x.contoso.azurecr.io", "10.0.0.5", PRIVATE),
    AddressCase("https://internal-s3-1.eu-west-1.elb.amazonaws.com", "10.0.0.5", PRIVATE),
    AddressCase("https://models.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "10.0.0.5", PRIVATE),
    AddressCase("https://ec2-1-2-3-4.compute-1.amazonaws.com", "10.0.0.5", PRIVATE),
    # --- listed -------------------------------------------------------------------------------------------------------
    AddressCase("https://registry.corp.example:5000", "10.0.0.5"),
    AddressCase("https://registry.corp.example:5000", "10.96.0.5"),
    AddressCase("https://a.corp.example", "10.0.0.5"),
    AddressCase("https://a.corp.example", "10.96.0.5", CLUSTER),
    AddressCase("https://a.corp.example", "127.0.0.1", MACHINE),
    AddressCase("https://store.here.example", "127.0.0.1"),
    AddressCase("https://store.here.example", "169.254.169.254", NEVER),
    AddressCase("http://minio.storage.svc:9000", "10.96.0.5"),
    AddressCase("http://minio.storage.svc:9000", "168.63.129.16", NEVER),
    AddressCase("https://localhost:8443", "::1"),
)
