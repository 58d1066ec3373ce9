"""What the asking process and the fork server say to each other.

One byte asks for a reading; with it come two descriptors. On the first a child reads the mail
until its end and writes the reading back. On the second the server reports how the child ended;
an end without a report is the end of the server.
"""

import struct

AS_MAIL = b"m"  # read a mail
AS_CALENDAR = b"c"  # the same for a calendar object in a file of its own

REPORT = struct.Struct("!i")
"""The wait status of a child, or `NOT_FORKED`."""

NOT_FORKED = -1

OUT_OF_MEMORY = 3
"""Exit code of a child that may have no more of it; 0 is that of one that has answered."""
