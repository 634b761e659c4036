"""What users may write of how a release goes out, right and wrong, and the words of the API server's answer."""

from typing import Any, Final

from inputs.case import ABSENT, Accepted, Refused

SCHEDULE: Final = "spec.release.schedule"
FREEZES: Final = "spec.release.freezes"
GATE: Final = "spec.release.gate"
FROM: Final = "2026-12-20T00:00:00Z"
TO: Final = "2027-01-04T00:00:00Z"
NIGHTLY: Final = {"cron": "0 2 * * *"}
BODY: Final = {"body": "{}"}


def window(case: str, value: dict[str, Any], words: str, at: str) -> Refused:
    return Refused(f"window-{case}", {SCHEDULE: [NIGHTLY | value]}, f"{SCHEDULE}[0].{at}", words)


def cron(case: str, value: Any, words: str = "five fields") -> Refused:
    return window(f"cron-{case}", {"cron": value}, words, "cron")


def zone(case: str, value: Any, words: str = "name of an IANA time zone") -> Refused:
    return window(f"zone-{case}", {"timeZone": value}, words, "timeZone")


def freeze(case: str, value: dict[str, Any], words: str, at: str) -> Refused:
    given = {name: part for name, part in ({"from": FROM, "to": TO} | value).items() if part is not ABSENT}
    return Refused(f"freeze-{case}", {FREEZES: [given]}, f"{FREEZES}[0].{at}", words)


def case(name: str, value: dict[str, Any], words: str, at: str) -> Refused:
    given = {key: part for key, part in ({"name": "a", "request": BODY} | value).items() if part is not ABSENT}
    return Refused(f"case-{name}", {f"{GATE}.cases": [given]}, f"{GATE}.cases[0].{at}", words)


def request(name: str, value: dict[str, Any], words: str, at: str = "") -> Refused:
    return case(f"request-{name}", {"request": value}, words, f"request{at}")


def expect(name: str, value: dict[str, Any], words: str, at: str) -> Refused:
    return case(f"expect-{name}", {"expect": value}, words, f"expect.{at}")


def flips(name: str, value: Any, words: str = "share from 0% to 100%") -> Refused:
    return Refused(
        f"flips-{name}", {f"{GATE}.comparison": {"maxLabelFlips": value}}, f"{GATE}.comparison.maxLabelFlips", words
    )


def duration(part: str, name: str, value: Any, words: str) -> Refused:
    return Refused(f"{part}-{name}", {f"spec.release.{part}": value}, f"spec.release.{part}", words)


def cases(*bodies: str) -> list[dict[str, Any]]:
    return [{"name": f"c{number}", "request": {"body": body}} for number, body in enumerate(bodies)]


SCHEDULES: Final = (
    cron("absent", None, "Required"),
    cron("empty", "", "at least 9"),
    cron("number", 5, "string"),
    cron("four-fields", "0 2 * * "),
    cron("six-fields", "0 0 2 * * *"),
    cron("nickname", "@midnight"),
    cron("minute-60", "60 2 * * *"),
    cron("hour-24", "0 24 * * *"),
    cron("day-0", "0 2 0 * *"),
    cron("day-32", "0 2 32 * *"),
    cron("month-13", "0 2 1 13 *"),
    cron("month-word", "0 2 1 sept *"),
    cron("weekday-8", "0 2 * * 8"),
    cron("weekday-word", "0 2 * * Friday"),
    cron("step-0", "*/0 2 * * *"),
    cron("question-mark", "0 2 ? * MON"),
    cron("open-range", "0 2 * * 1-"),
    cron("empty-item", "0 2,,4 * * *"),
    cron("other-language", "0 2 * * пн"),
    cron("line-break", "0 2 * * *\n"),
    cron("long", "0 2 " + ",".join(["1"] * 70) + " * *", "Too long"),
    zone("unknown", "Mars/Olympus"),
    zone("local", "Local"),
    zone("offset", "+02:00"),
    zone("empty", "", "at least 1"),
    zone("lower-case", "europe/berlin"),
    zone("space", "Europe/New York"),
    zone("path", "../Europe/Berlin"),
    zone("long", "E" * 65, "Too long"),
    zone("number", 2, "string"),
    window("short", {"duration": "59s"}, "from 1m to 168h", "duration"),
    window("long", {"duration": "169h"}, "from 1m to 168h", "duration"),
    window("without-unit", {"duration": "60"}, "from 1m to 168h", "duration"),
    Refused("windows-many", {SCHEDULE: [NIGHTLY] * 17}, SCHEDULE, "Too many"),
    Refused("window-null", {SCHEDULE: [None]}, f"{SCHEDULE}[0]", "object"),
    Refused("schedule-text", {SCHEDULE: "0 2 * * *"}, SCHEDULE, "array"),
)
PAUSES: Final = (
    freeze("backwards", {"to": "2026-12-19T00:00:00Z"}, "later than from", "to"),
    freeze("empty", {"to": FROM}, "later than from", "to"),
    freeze("backwards-by-zone", {"to": "2026-12-20T00:30:00+01:00"}, "later than from", "to"),
    freeze("without-end", {"to": ABSENT}, "Required", "to"),
    freeze("without-start", {"from": ABSENT}, "Required", "from"),
    freeze("date-alone", {"from": "2026-12-20"}, "date-time", "from"),
    freeze("without-zone", {"to": "2027-01-04T00:00:00"}, "date-time", "to"),
    freeze("word", {"to": "tomorrow"}, "date-time", "to"),
    freeze("long-reason", {"reason": "x" * 257}, "Too long", "reason"),
    Refused("freezes-many", {FREEZES: [{"from": FROM, "to": TO}] * 33}, FREEZES, "Too many"),
)
REQUESTS: Final = (
    request("without-body", {}, "exactly one of body and bodyFrom"),
    request("null-body", {"body": None}, "exactly one of body and bodyFrom"),
    request("two-bodies", BODY | {"bodyFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}, "exactly one of body"),
    request("get-with-body", BODY | {"method": "GET"}, "a GET neither"),
    request("put", BODY | {"method": "PUT"}, "Unsupported value", ".method"),
    request("body-list", {"body": [1, 2]}, "string", ".body"),
    request("body-huge", {"body": "x" * 8193}, "Too long", ".body"),
    request("body-from-nothing", {"bodyFrom": {}}, "Required", ".bodyFrom.configMapKeyRef"),
    request(
        "body-from-a-path",
        {"bodyFrom": {"configMapKeyRef": {"name": "c", "key": "../k"}}},
        "should match",
        ".bodyFrom.configMapKeyRef.key",
    ),
    request(
        "body-from-name",
        {"bodyFrom": {"configMapKeyRef": {"name": "C c", "key": "k"}}},
        "name of an object",
        ".bodyFrom.configMapKeyRef.name",
    ),
    request("path-relative", BODY | {"path": "score"}, "start with one '/'", ".path"),
    request("path-other-host", BODY | {"path": "//evil.example.com/"}, "start with one '/'", ".path"),
    request("path-header", BODY | {"path": "/score\r\nHost: x"}, "start with one '/'", ".path"),
    request("path-whole-address", BODY | {"path": "http://localhost/score"}, "start with one '/'", ".path"),
    request("type", BODY | {"contentType": "json"}, "must be a media type", ".contentType"),
    request("type-header", BODY | {"contentType": "text/plain\r\nX: y"}, "must be a media type", ".contentType"),
)
VALUE: Final = {"jsonPath": "$.result"}
EXPECTATIONS: Final = (
    expect("equals-number", VALUE | {"equals": 7}, "string", "equals"),
    expect("equals-huge", VALUE | {"equals": "x" * 1025}, "Too long", "equals"),
    expect("tolerance-alone", VALUE | {"tolerance": "0.1"}, "needs equals with a number", "tolerance"),
    expect("tolerance-of-word", VALUE | {"equals": "cat", "tolerance": "1"}, "needs equals with", "tolerance"),
    expect("tolerance-negative", VALUE | {"equals": "1", "tolerance": "-1"}, "a number of 0 or more", "tolerance"),
    expect("tolerance-share", VALUE | {"equals": "1", "tolerance": "1%"}, "a number of 0 or more", "tolerance"),
    expect("path", {"jsonPath": "result[0]"}, "must start with $", "jsonPath"),
    expect("path-empty", {"jsonPath": ""}, "at least 1", "jsonPath"),
    expect("expression", VALUE | {"matches": "(cat"}, "must be a regular expression", "matches"),
    expect("look-ahead", VALUE | {"matches": "(?=cat)"}, "must be a regular expression", "matches"),
    expect("expression-empty", VALUE | {"matches": ""}, "at least 1", "matches"),
    expect("many", VALUE | {"oneOf": [str(n) for n in range(33)]}, "Too many", "oneOf"),
    expect("one-of-number", VALUE | {"oneOf": [1]}, "string", "oneOf[0]"),
    expect("status", {"status": 99}, "greater than or equal to 100", "status"),
    expect("status-text", {"status": "200"}, "integer", "status"),
    expect("latency", {"maxLatency": "200"}, "such as 200ms", "maxLatency"),
    expect("latency-minutes", {"maxLatency": "2m"}, "such as 200ms", "maxLatency"),
    expect("latency-zero", {"maxLatency": "0ms"}, "such as 200ms", "maxLatency"),
)
CASES: Final = (
    case("without-name", {"name": ABSENT}, "Required", "name"),
    case("without-request", {"request": ABSENT}, "Required", "request"),
    case("name-space", {"name": "a seven"}, "name must be letters", "name"),
    case("name-empty", {"name": ""}, "at least 1", "name"),
    case("name-long", {"name": "a" * 64}, "Too long", "name"),
    Refused("cases-twice", {f"{GATE}.cases": [{"name": "a", "request": BODY}] * 2}, f"{GATE}.cases[1]", "Duplicate"),
    Refused("cases-many", {f"{GATE}.cases": cases(*["{}"] * 17)}, f"{GATE}.cases", "Too many"),
    Refused(
        "cases-huge", {f"{GATE}.cases": cases(*["x" * 8192] * 5)}, f"{GATE}.cases", "move large ones into a ConfigMap"
    ),
)
FLIPS: Final = (
    flips("number", 2, "string"),
    flips("without-sign", "2", "at least 2"),
    flips("fraction", "0.02"),
    flips("above", "101%"),
    flips("negative", "-1%"),
    flips("space", "2 %"),
    Refused("comparison-empty", {f"{GATE}.comparison": {}}, f"{GATE}.comparison.maxLabelFlips", "Required"),
)
DURATIONS: Final = (
    *(
        duration("progressDeadline", name, value, words)
        for name, value, words in (
            ("unit", "10", "10s to 24h"),
            ("short", "5s", "10s to 24h"),
            ("long", "25h", "10s to 24h"),
            ("negative", "-10m", "10s to 24h"),
            ("days", "1d", "10s to 24h"),
            ("number", 600, "string"),
        )
    ),
    duration("gate.timeout", "short", "9s", "10s to 24h"),
    duration("gate.timeout", "none", "0s", "10s to 24h"),
    duration("bake.duration", "without-unit", "0", "at least 2"),
    duration("bake.duration", "long", "25h", "0s to 24h"),
    duration("bake.duration", "negative", "-5m", "0s to 24h"),
    duration("revisionHistoryLimit", "none", 0, "equal to 1"),
    duration("revisionHistoryLimit", "many", 101, "equal to 100"),
)
RELEASES: Final = (*SCHEDULES, *PAUSES, *REQUESTS, *EXPECTATIONS, *CASES, *FLIPS, *DURATIONS)

CRONS: Final = (
    "0 2 * * *",
    "*/15 1-5,22,23 * * MON-FRI",
    "30 22 * * fri",
    "0 2 L * *",
    "0 2 LW JAN-MAR *",
    "0 2 * * 5#2,5#4",
    "0 2 * * 7L",
    "00  03  01,15  */3  0",
    "5/10 0-23/2 1 1 SUN",
)
"""Right ones, each of another form."""
ZONES: Final = ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Ust-Nera", "GMT0")
ACCEPTED_RELEASES: Final = (
    Accepted(
        "nightly",
        {SCHEDULE: [NIGHTLY]},
        {SCHEDULE: [NIGHTLY | {"timeZone": "UTC", "duration": "1h"}]},
    ),
    *(Accepted(f"cron-{number}", {SCHEDULE: [{"cron": cron}]}) for number, cron in enumerate(CRONS)),
    *(Accepted(f"zone-{zone}", {SCHEDULE: [NIGHTLY | {"timeZone": zone}]}) for zone in ZONES),
    Accepted("weekend", {SCHEDULE: [{"cron": "0 20 * * FRI", "duration": "58h"}]}),
    Accepted("freeze", {FREEZES: [{"from": FROM, "to": "2027-01-04T00:00:00.5+01:00", "reason": "holidays"}]}),
    Accepted("freeze-of-the-past", {FREEZES: [{"from": "2020-12-20T00:00:00Z", "to": "2021-01-04T00:00:00Z"}]}),
    Accepted(
        "case",
        {f"{GATE}.cases": [{"name": "a-seven", "request": BODY, "expect": VALUE | {"equals": "7"}}]},
        {
            f"{GATE}.cases": [
                {
                    "name": "a-seven",
                    "request": BODY | {"method": "POST", "path": "/score", "contentType": "application/json"},
                    "expect": VALUE | {"equals": "7", "status": 200},
                }
            ]
        },
    ),
    Accepted(
        "case-in-full",
        {
            f"{GATE}.cases": [
                {
                    "name": "v2",
                    "request": {
                        "path": "/v2/models/digits/infer?x=1",
                        "bodyFrom": {"configMapKeyRef": {"name": "golden", "key": "seven.json"}},
                        "contentType": "application/json; charset=utf-8",
                    },
                    "expect": {
                        "status": 201,
                        "jsonPath": "$.outputs[0].data[0]",
                        "equals": "-1.5e-3",
                        "tolerance": "1e-6",
                        "matches": "^-?[0-9.e-]+$",
                        "oneOf": ["-1.5e-3", "cat"],
                        "maxLatency": "2s",
                    },
                }
            ]
        },
    ),
    Accepted(
        "case-of-text",
        {f"{GATE}.cases": [{"name": "a", "request": BODY, "expect": {"equals": "Healthy", "matches": "(?i)healthy"}}]},
    ),
    Accepted("case-get", {f"{GATE}.cases": [{"name": "a", "request": {"method": "GET", "path": "/"}}]}),
    Accepted("case-empty-body", {f"{GATE}.cases": cases("")}),
    Accepted("cases-as-large-as-may-be", {f"{GATE}.cases": cases(*["x" * 8192] * 4)}),
    Accepted("cases-none", {f"{GATE}.cases": []}),
    Accepted("comparison", {f"{GATE}.comparison": {"maxLabelFlips": "0.5%"}}),
    Accepted("comparison-all", {f"{GATE}.comparison": {"maxLabelFlips": "100%"}}),
    Accepted("no-bake", {"spec.release.bake": {"duration": "0s"}}),
    Accepted("deadline", {"spec.release.progressDeadline": "1h30m"}),
)
