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
    r"\b5\d\d[ -]#?5\.\d{1,3}\.\d{1,3}\b",
    r"\b55\d[ -].{0,120}(?:unknown|no such|not exist|not found|reject|denied|disabled|full|quota"
    r"|unavailable|recipient|mailbox|relay)",
)
_SAYS_AUTOMATIC = any_of(
    r"auto(?:matic(?:ally)?|mated)?[- ]?(?:re(?:ply|sponse|sponder)|generated)(?: message)?",
    r"automatische antwort|automatisch antwoord|autosvar|automatiskt svar|automaattinen vastaus",
    r"réponse automatique|respuesta automática|resposta automática|risposta automatica",
    r"autoodpowiedź|automatyczna odpowied\w*|automatická odpov\w*|автоответ",
    r"自动答复|自动回复|自動回覆|自動応答|自動返信|자동 ?회신",
).pattern
_SAYS_AWAY = any_of(
    r"auto|out[- ]of[- ](?:the[- ])?office(?: (?:auto-?)?reply| notice)?|ooo",
    r"(?:on )?vacation(?: (?:reply|notice))?|(?:i am )?away from (?:my |the )?\w+",
    r"abwesend|abwesenheit\w*|nicht im büro|(?:message d')?absence|absent du bureau",
    r"fuera de la oficina|ausente|ausência|fuori (?:sede|ufficio)|afwezig(?:heid)?",
    r"frånvaro|fraværende|poissa|nieobecno\w*|不在|부재",
).pattern
_REPLIED = r"\s*(?:(?:re|aw|sv|antw?)\s*:\s*)?"
AUTOMATIC_SUBJECT = re.compile(
    rf"{_REPLIED}(?:[\[(](?:{_SAYS_AUTOMATIC})[\])]|(?:{_SAYS_AUTOMATIC})\s*(?:[:：]|\Z))",
    re.IGNORECASE,
)
"""A program's own label: alone, in brackets, or with the subject that it answers after a colon."""
AWAY_SUBJECT = re.compile(
    rf"{_REPLIED}(?:(?:{_SAYS_AUTOMATIC})\b|[\[(](?:{_SAYS_AWAY})[\])]"
    rf"|(?:{_SAYS_AWAY})\s*(?:[:：]|\Z|(?:until|till?|bis|hasta|até|jusqu|fino|tot|t\.o\.m)\b"
    r"[^,;?!]*\Z))",
    re.IGNORECASE,
)
"""What a program or a person in a hurry may write: only with words of absence in the text."""
AWAY_TEXT = any_of(
    r"\b(?:out of|away from|not in) (?:the |my )?office\b|\bauto(?:matic|mated|-?re)",
    r"\bon (?:\w+ )?(?:vacation|holidays?|leave)\b|\b(?:away|absent|unavailable|travell?ing)\b",
    r"limited access to|return to the office|will (?:be back|return)|i am back",
    r"nicht (?:da|im (?:büro|haus|dienst)|erreichbar|anwesend)\b|abwesen|im urlaub|außer haus",
    r"automatisch|wieder (?:da|erreichbar|im (?:büro|haus))\b|vakantie|afwezig|niet aanwezig",
    r"absente?\b|en (?:congés?|vacances|déplacement)\b|de retour|automatique",
    r"ausente|de (?:vacaciones|férias)|fuera de (?:la )?oficina|fora do escritório|automátic",
    r"assente|in ferie|fuori (?:sede|ufficio)|automatic[oa]",
    r"semester|frånvaro|på ferie|fravær|poissa|lomalla|tillbaka",
    r"nieobecn|urlop|nepřítomn|dovolen|отпуск|отсутств|автоматич",
    r"休假|外出|不在|自动|自動|부재|휴가|자동",
)
REPLY_SUBJECT = re.compile(
    r"\s*(?:re|aw|sv|vs|antw?|fwd?|fw|wg|tr|rv|rif|res|enc|r|i|odp|pd|ynt|ilt|回复|答复|转发|返信"
    r"|отв|ha)(?:\s*\[\d+\])?\s*[:：]",
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
