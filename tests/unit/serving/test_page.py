"""The files of the page at /docs."""

import re

from aiapp_serving.page import files

FILES = files()
MARKUP = FILES["/docs"].body.decode()
SCRIPT = FILES["/docs/page.js"].body.decode()


def header(path: str, name: str) -> str:
    return dict(FILES[path].headers)[name]


def test_the_page_and_what_it_loads_are_served() -> None:
    loaded = re.findall(r'(?:src|href)="(docs/[^"]+)"', MARKUP)
    assert {f"/{path}" for path in loaded} == set(FILES) - {"/docs"}
    assert {answer.status for answer in FILES.values()} == {200}
    assert header("/docs", "Content-Type").startswith("text/html")
    assert header("/docs/page.js", "Content-Type").startswith("text/javascript")


def test_the_policy_lets_it_ask_nobody_but_its_app() -> None:
    for path in FILES:
        rules = dict(rule.split(" ", 1) for rule in header(path, "Content-Security-Policy").split("; "))
        assert rules.pop("default-src") == "'none'"
        assert set(rules.values()) == {"'self'", "'none'"}
        assert rules["frame-ancestors"] == "'none'"


def test_no_file_names_another_host() -> None:
    for path, answer in FILES.items():
        assert re.findall(rb"//[\w.-]+\.\w+", answer.body.replace(b"//www.w3.org/2000/svg", b"")) == [], path


def test_nothing_is_inline_and_no_text_becomes_markup() -> None:
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", MARKUP) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", SCRIPT) == []


def test_every_field_has_a_label_and_every_id_is_used_once() -> None:
    fields = re.findall(r'<(?:select|textarea|input) id="([^"]+)"', MARKUP)
    assert fields
    assert set(fields) <= set(re.findall(r'<label for="([^"]+)"', MARKUP))
    ids = re.findall(r'\sid="([^"]+)"', MARKUP)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'\bat\("([^"]+)"\)', SCRIPT)) <= set(ids)
    assert '<html lang="en">' in MARKUP
