"""What the asking process and the fork server say to each other: one byte per descriptor."""

AS_MAIL = b"m"  # fork a child that reads a mail from the descriptor
AS_CALENDAR = b"c"  # the same for a calendar object in a file of its own
PING = b"p"  # answer yourself
PONG = b"!"
