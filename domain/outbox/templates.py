"""Templates of an integrator's mails: `{{ name }}` stands for a value, and nothing else happens.

Values go in once and are not looked at again, so a value that reads `{{ other }}` stays those
words. In HTML every value is escaped for text and for quoted attributes alike.
"""

import html
import re
from collections.abc import Callable, Mapping

from domain.errors import BadInput

_REFERENCE = re.compile(r"\{\{[ \t]{0,9}([A-Za-z_][A-Za-z0-9_.]{0,59})[ \t]{0,9}\}\}")

Value = str | int | float | bool


class MissingVariable(BadInput):
    """A template names a variable that was not given."""

    code = "missing-variable"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(f"The template uses {{{{ {name} }}}}, which is not given.", field=field)


def render(template: str, variables: Mapping[str, Value], *, limit: int, field: str) -> str:
    """`template` with its variables filled in as plain text, `limit` characters at most.

    Raises `MissingVariable`, and `BadInput` for braces that hold no name or for more characters;
    all about `field`.
    """
    return _filled(template, variables, str, limit, field)


def render_html(template: str, variables: Mapping[str, Value], *, limit: int, field: str) -> str:
    """The same for HTML: values are escaped, the template is not."""
    return _filled(template, variables, html.escape, limit, field)


def _filled(
    template: str,
    variables: Mapping[str, Value],
    escape: Callable[[str], str],
    limit: int,
    field: str,
) -> str:
    """Counts as it goes: a short template may name a long value many thousand times."""
    length = len(_literal(template, field))
    values: dict[str, str] = {}

    def value_of(match: re.Match[str]) -> str:
        nonlocal length
        name = match[1]
        if name not in variables:
            raise MissingVariable(name, field)
        if name not in values:
            values[name] = escape(shown(variables[name]))
        length += len(values[name])
        if length > limit:
            raise _too_long(limit, field)
        return values[name]

    if length > limit:
        raise _too_long(limit, field)
    return _REFERENCE.sub(value_of, template)


def _literal(template: str, field: str) -> str:
    """What stands between the references."""
    rest = _REFERENCE.sub("", template)
    if "{{" in rest or "}}" in rest:
        raise BadInput(
            "Double braces hold one name, like {{ name }}; there is something else in them.",
            field=field,
        )
    return rest


def _too_long(limit: int, field: str) -> BadInput:
    return BadInput(f"With its variables it has more than {limit} characters.", field=field)


def shown(value: Value) -> str:
    """A value as a template shows it: numbers plainly, truth as `yes` and `no`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
