"""Words by which mail programs introduce things, per language: the last resort, after headers.

One regular expression per entry, searched without regard to case; RFC 3834 knows none of them.
"""

import re


def any_of(*patterns: str) -> "re.Pattern[str]":
    """One pattern that finds any of `patterns`."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


BOUNCE_SUBJECT = any_of(
    r"undeliver(?:ed|able)",
    r"delivery (?:status notification|notification|has failed|fail|report|error|problem|incompl)",
    r"(?:mail|message|returned mail).{0,40}(?:fail|not (?:be )?deliver|undeliv|could not)",
    r"failure notice|failed delivery|(?:could not|couldn't|cannot) be delivered|not delivered",
    r"returned (?:mail|to sender|message)|non-?deliver|unable to deliver|message you sent blocked",
    r"unzustellbar|nicht zugestellt|zustellung.{0,30}(?:fehlgeschlagen|nicht)|unzustellbare",
    r"non remis|échec de (?:la )?(?:remise|distribution)|courrier non distribu|non distribuable",
    r"no se puede entregar|no entregado|devuelto|error de entrega",
    r"não entregue|não (?:foi )?(?:possível )?entreg|falha na entrega",
    r"mancato recapito|impossibile recapitare|onbestelbaar|niet bezorgd|nie dostarczono",
    r"недоставлен|не доставлен|未送達|退信|配信不能|配信できません|エラー通知|배달되지",
)
BOUNCE_BODY = any_of(
    r"this is the qmail-send program|this is the mail (?:delivery )?system at",
    r"permanent fatal errors|permanent (?:delivery )?(?:failure|error)",
    r"the following address(?:es)? (?:failed|had)",
    r"message (?:that )?you sent (?:could|has) not (?:be|been) delivered",
    r"not reach the following recipient|was not delivered to|undeliverable",
    r"delivery to the following recipients? (?:has )?failed|host or domain name not found",
    r"(?:wasn't|couldn't be|could not be) delivered",
    r"\b5\d\d[ -]#?5\.\d{1,3}\.\d{1,3}\b|\b550[ -]",
)
AWAY_SUBJECT = re.compile(
    r"\s*(?:(?:re|aw|sv|antw?):\s*)?[\[(]?"
    + any_of(
        r"auto(?:matic(?:ally)?|mated)?[- ]?(?:re(?:ply|sponse|sponder)|generated)|auto:",
        r"out[- ]of[- ](?:the[- ])?office|ooo\b|(?:on )?vacation\b|(?:i am )?away from",
        r"(?:automatische antwort|abwesenheit|nicht im büro)",
        r"réponse automatique|(?:message d')?absence\b|absent du bureau",
        r"respuesta automática|fuera de la oficina|resposta automática|ausente|ausência",
        r"risposta automatica|fuori (?:sede|ufficio)|automatisch antwoord|afwezig",
        r"autosvar|automatiskt svar|frånvaro|fraværende|automaattinen|poissa",
        r"autoodpowiedź|automatyczna odpowied|nieobecno|automatická odpov|автоответ",
        r"自动答复|自动回复|自動回覆|自動応答|自動返信|不在|자동 ?회신|부재",
    ).pattern,
    re.IGNORECASE,
)
QUOTED_ORIGINAL = re.compile(
    r"^[ \t]*(?:-{2,}|_{5,})[ \t]*(?:original message|original appointment|forwarded message"
    r"|ursprüngliche nachricht|weitergeleitete nachricht|message d'origine|message transféré"
    r"|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht)\b.*$"
    r"|^_{10,}[ \t]*\n(?:[ \t]*\n)?[ \t]*(?:from|von|de|da|van|från|fra|od)[ ]?:"
    r"|^[ \t]*\*?(?:from|von|de|da|van)[ ]?:.*\n[ \t]*\*?(?:sent|date|gesendet|envoyé|enviado"
    r"|inviato|verzonden|datum|data|fecha)[ ]?:",
    re.IGNORECASE | re.MULTILINE,
)
ATTRIBUTION = re.compile(
    r"^[ \t]*(?:on|am|le|el|em|il|op|den|på|w dniu)\b[^\n]{5,200}(?:\n[^\n]{1,200})?"
    r"(?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|skrev|napisał)"
    r"[^\n]{0,80}:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
