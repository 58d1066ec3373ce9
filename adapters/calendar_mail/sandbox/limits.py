"""What one reading may cost. Source: mail-safety section 7; a plain mail needs a hundredth."""

MEMORY_BYTES = 512 * 1024 * 1024  # RLIMIT_AS of a child
CPU_SECONDS = 5
WALL_SECONDS = 10  # a reading only computes, so a child that waits this long was held up
PATIENCE_SECONDS = 12.0  # the parent's; after it the server itself is taken for hung
OPEN_FILES = 24
RESULT_BYTES = 512 * 1024
MAIL_BYTES = 10 * 1024 * 1024 + 1  # one more than is read, so that the reader sees the excess
