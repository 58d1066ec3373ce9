"""Why a letter could not be written."""

from domain.errors import ParleyError


class CannotWrite(ParleyError):
    """The letter and the card do not make a mail, or its bytes do not read back as intended.

    Nothing was sent. The message names the part that differs and never quotes user text,
    so it may stand in a log.
    """

    code = "cannot-write-mail"
