"""`widget serve` that kills itself with SIGKILL just before, or just after, its nth commit to the outbox.

python dying.py before|after N
"""

import os
import signal
import sys
from itertools import count

from sqlalchemy import Connection, Engine, event

from widget.cli.main import main

side, wanted = sys.argv[1], int(sys.argv[2])
commits = count(1)


@event.listens_for(Engine, "commit")
def die(connection: Connection) -> None:
    if next(commits) == wanted:
        if side == "after":
            connection.connection.driver_connection.commit()  # on the disk, and nobody was told
        os.kill(os.getpid(), signal.SIGKILL)


sys.argv = ["widget", "serve"]
main()
