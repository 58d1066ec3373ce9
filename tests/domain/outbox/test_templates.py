"""Templates: names stand for values, and nothing else happens."""

import tracemalloc

import pytest

from domain.errors import BadInput
from domain.outbox.templates import MissingVariable, Value, render, render_html


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("Hello {{ name }}", "Hello Ada"),
        ("{{name}}{{name}}", "AdaAda"),
        ("{{\tname }}", "Ada"),
        ("{{{ name }}}", "{Ada}"),
        ("{ name } {name}", "{ name } {name}"),
        ("{{ count }} seats", "3 seats"),
        ("{{ price }}", "9.5"),
        ("{{ vip }}", "yes"),
        ("{{ order.id }}", "o-1"),
        ("{{ trick }}", "{{ name }}"),
        ("", ""),
    ],
)
def test_names_become_their_values(template: str, shown: str) -> None:
    values: dict[str, Value] = {
        "name": "Ada",
        "count": 3,
        "price": 9.5,
        "vip": True,
        "order.id": "o-1",
        "trick": "{{ name }}",
    }

    assert render(template, values, limit=100, field="text") == shown


@pytest.mark.parametrize(
    ("template", "limit", "is_fine"),
    [
        ("Hello {{ name }}", 9, True),
        ("Hello {{ name }}", 8, False),
        ("{{ none }}{{ name }}{{ none }}", 3, True),
        ("Hello", 4, False),
    ],
)
def test_the_limit_is_one_of_what_is_shown(template: str, limit: int, is_fine: bool) -> None:
    values: dict[str, Value] = {"name": "Ada", "none": ""}

    if is_fine:
        assert len(render(template, values, limit=limit, field="text")) == limit
    else:
        with pytest.raises(BadInput, match="more than") as refusal:
            render(template, values, limit=limit, field="text")
        assert refusal.value.field == "text"


def test_what_grows_beyond_the_limit_takes_no_room() -> None:
    """Filled in first, this would be 120 MB; what fits into a request, a gigabyte."""
    bomb, values = "{{ a }}" * 2_000, {"a": "'" * 10_000}

    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="more than"):
            render_html(bomb, values, limit=100_000, field="html")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 2_000_000


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MissingVariable, match="nmae") as refusal:
        render("Hello {{ nmae }}", {"name": "Ada"}, limit=100, field="template.text")

    assert refusal.value.field == "template.text"


@pytest.mark.parametrize(
    "template",
    [
        "{{ 7 * 7 }}",
        "{{ name | upper }}",
        "{{ name.__class__ }} {{",
        "{{}}",
        "{{ name",
        "name }}",
        "{{ name\n}}",
    ],
)
def test_double_braces_around_anything_else_are_refused(template: str) -> None:
    with pytest.raises(BadInput):
        render(template, {"name": "Ada"}, limit=100, field="text")


def test_dotted_names_are_names_and_reach_into_nothing() -> None:
    with pytest.raises(MissingVariable):
        render("{{ name.__class__ }}", {"name": "Ada"}, limit=100, field="text")


def test_values_are_escaped_in_html_and_templates_are_not() -> None:
    values: dict[str, Value] = {"it": "\"><script>'&"}

    shown = render_html('<p title="{{ it }}">{{ it }}</p>', values, limit=200, field="html")

    escaped = "&quot;&gt;&lt;script&gt;&#x27;&amp;"
    assert shown == f'<p title="{escaped}">{escaped}</p>'
