"""What an SMTP server can do to a sender, by name.

A `Deed` happens instead of the usual at one `Step` of a conversation. `FAULTS` names the usual
ones, for whoever wants them at random; a script may hold any other.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    GREETING = "greeting"
    EHLO = "ehlo"
    HELO = "helo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # when its first line has arrived
    DOT = "dot"
    IDLE = "idle"  # after a mail, before the client says anything


class Then(StrEnum):
    GO_ON = "go on"
    CLOSE = "close"
    RESET = "reset"  # a TCP RST
    HANG = "hang"


@dataclass(frozen=True)
class Deed:
    """`reply` is written as it stands (lines divided by CRLF), `after` seconds, one octet at a
    time if it `drips`. `takes` says at the dot whether the server has the mail from then on;
    None: if the reply says so."""

    reply: str = ""
    then: Then = Then.GO_ON
    after: float = 0.0
    takes: bool | None = None
    drips: bool = False

    @property
    def takes_mail(self) -> bool:
        return self.reply.startswith("2") if self.takes is None else self.takes


Script = Mapping[Step, Sequence[Deed]]
"""What one connection does on its first, second, … occasion of each step; then the usual."""

_BUSY = Deed("421 4.3.2 too busy", Then.CLOSE)
_CLOSED, _RESET, _HUNG = Deed(then=Then.CLOSE), Deed(then=Then.RESET), Deed(then=Then.HANG)
_COMMANDS = (Step.MAIL, Step.RCPT, Step.DATA)


def _at_each(*steps: Step) -> dict[str, tuple[Step, Deed]]:
    deeds = {
        "4xx": Deed("451 4.3.0 not now"),
        "5xx": Deed("550 5.7.1 refused"),
        "421": _BUSY,
        "close": _CLOSED,
        "reset": _RESET,
        "hang": _HUNG,
        "garbage": Deed("what?"),
        "many-lines": Deed("450-4.7.1 not now\r\n450-4.7.1 nor soon\r\n450 4.7.1 later"),
        "endless": Deed("450 " + "x" * 100_000),
    }
    return {f"{step}-{name}": (step, deed) for step in steps for name, deed in deeds.items()}


FAULTS: Mapping[str, tuple[Step, Deed]] = {
    "greeting-421": (Step.GREETING, _BUSY),
    "greeting-554": (Step.GREETING, Deed("554 5.7.1 no mail here", Then.CLOSE)),
    "greeting-close": (Step.GREETING, _CLOSED),
    "greeting-reset": (Step.GREETING, _RESET),
    "greeting-hang": (Step.GREETING, _HUNG),
    "ehlo-421": (Step.EHLO, _BUSY),
    "ehlo-502": (Step.EHLO, Deed("502 5.5.2 what is EHLO?")),
    "starttls-454": (Step.STARTTLS, Deed("454 4.7.0 TLS not available")),
    "starttls-injected": (Step.STARTTLS, Deed("220 go ahead\r\n250-mallory\r\n250 AUTH PLAIN")),
    "auth-454": (Step.AUTH, Deed("454 4.7.0 not now")),
    "auth-535": (Step.AUTH, Deed("535 5.7.8 wrong")),
    **_at_each(*_COMMANDS),
    "mail-dripping": (Step.MAIL, Deed("250-2.1.0 fine\r\n250 2.1.0 very fine", drips=True)),
    "data-early-250": (Step.DATA, Deed("354 go ahead\r\n250 2.0.0 queued")),
    "body-421": (Step.BODY, _BUSY),
    "body-552": (Step.BODY, Deed("552 5.3.4 too big", Then.CLOSE)),
    "body-close": (Step.BODY, _CLOSED),
    "body-reset": (Step.BODY, _RESET),
    "body-hang": (Step.BODY, _HUNG),
    **_at_each(Step.DOT),
    # `dot-close` and its kin forget the mail; these have it, and most do not say so. None lies: a
    # server that has a mail and answers 4xx or 5xx cannot be told from one that has not.
    "dot-taken-close": (Step.DOT, Deed(then=Then.CLOSE, takes=True)),
    "dot-taken-reset": (Step.DOT, Deed(then=Then.RESET, takes=True)),
    "dot-taken-hang": (Step.DOT, Deed(then=Then.HANG, takes=True)),
    "dot-taken-garbage": (Step.DOT, Deed("queued as 1234", takes=True)),
    "dot-taken-dripping": (Step.DOT, Deed("250-2.0.0 fine\r\n250 2.0.0 queued", drips=True)),
    "idle-421": (Step.IDLE, Deed("421 4.4.2 idle too long", Then.CLOSE)),
    "idle-close": (Step.IDLE, _CLOSED),
}


class Chances:
    """Picks faults at random: `chances` maps names of `FAULTS` to probabilities, which are of
    each occasion of their step. Raises `KeyError` for a name that is none."""

    def __init__(self, chances: Mapping[str, float], seed: int) -> None:
        self._random = random.Random(seed)
        self._of: dict[Step, list[tuple[float, Deed]]] = {}
        for name, chance in chances.items():
            step, deed = FAULTS[name]
            self._of.setdefault(step, []).append((chance, deed))

    def pick(self, step: Step) -> Deed | None:
        if step not in self._of:
            return None
        point = self._random.random()
        for chance, deed in self._of[step]:
            point -= chance
            if point < 0:
                return deed
        return None
