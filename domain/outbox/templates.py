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


def render(template: str, variables: Mapping[str, Value], *, field: str) -> str:
    """`template` with its variables filled in as plain text.

    Raises `MissingVariable`, and `BadInput` for braces that hold no name; both about `field`.
    """
    return _filled(template, variables, str, field)


def render_html(template: str, variables: Mapping[str, Value], *, field: str) -> str:
    """The same for HTML: values are escaped, the template is not."""
    return _filled(template, variables, html.escape, field)


def _filled(
    template: str, variables: Mapping[str, Value], escape: Callable[[str], str], field: str
) -> str:
    _need_references_only(template, field)

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            raise MissingVariable(name, field)
        return escape(shown(variables[name]))

    return _REFERENCE.sub(value_of, template)


def _need_references_only(template: str, field: str) -> None:
    rest = _REFERENCE.sub("", template)
    if "{{" in rest or "}}" in rest:
        raise BadInput(
            "Double braces hold one name, like {{ name }}; there is something else in them.",
            field=field,
        )


def shown(value: Value) -> str:
    """A value as a template shows it: numbers plainly, truth as `yes` and `no`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
