"""Runs a command in a terminal of its own and presses Ctrl-C when what it printed matches.

terminal.py <columns> <pattern or ""> <command...>: the command's output to standard output, its exit code (or minus the signal) as the last line
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

columns, pattern, command = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    os.execvp(command[0], command)
printed = b""
pressed = pattern == b""
endless = time.monotonic() + 170
while True:
    if time.monotonic() > endless:
        os.kill(pid, 9)
    if select.select([terminal], [], [], 1)[0] == []:
        continue
    try:
        read = os.read(terminal, 65536)
    except OSError:  # On Linux the end of a terminal is an error.
        break
    if read == b"":
        break
    printed += read
    if not pressed and re.search(pattern, printed):
        os.write(terminal, b"\x03")
        pressed = True
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(printed + b"\n%d" % status)
