"""How much of a mail is read. Source: mail-safety sections 7 and 8; larger is cut and said."""

MAIL_BYTES = 10 * 1024 * 1024
HEADER_BLOCK_BYTES = 256 * 1024  # of one message or part
HEADER_BYTES = 16 * 1024  # of one header; 5,000 encoded words cost 0.14 s, 20,000 cost 2.7 GB
HEADERS = 300
PARTS = 100  # 100,000 empty parts cost 6.4 s
NESTING = 10
CALENDAR_BYTES = 1024 * 1024
CALENDAR_OBJECTS = 20  # calendar objects read per mail
CALENDAR_LINES = 40_000
CONTENT_LINE = 32 * 1024  # characters of one unfolded line
COMPONENTS = 1000
COMPONENT_DEPTH = 8
PARTICIPANTS = 100
OBSERVANCES = 200  # of one VTIMEZONE
TEXT_BYTES = 512 * 1024  # of one text part, before it is reduced
