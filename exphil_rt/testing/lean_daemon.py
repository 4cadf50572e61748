"""A small daemon for tests that kill it: children, grandchildren, shared memory, a socket and a folder, all listed.

    python -m exphil_rt.testing.lean_daemon FOLDER

Says each step that it is through as a word on its output; ``serving`` is the last. At its start it ends what an
earlier one in the same folder left.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import anyio
import msgspec
import structlog

from exphil_rt.actor import ChildSpec, SlotPool, SupFlags, start_child, start_forkserver
from exphil_rt.actor.leftovers import Leftovers
from exphil_rt.testing.process_child import ChildArgs, Proxy, Spawn
from exphil_rt.testing.trees import start_tree

CHILDREN = 2
MARK = "EXPHIL_RT_LEAN_DAEMON"
"""Environment variable that all its processes carry, so that a test finds them; its value is the folder."""


def main() -> None:
    """Until it is killed."""
    folder = Path(sys.argv[1])
    os.environ[MARK] = str(folder)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    leftovers = Leftovers(folder / "leftovers.json")
    leftovers.end_earlier()
    _say("cleaned")
    start_forkserver()
    _say("forkserver")
    scratch, address = folder / f"scratch-{os.getpid()}", folder / "daemon.sock"
    leftovers.add_path(scratch)
    scratch.mkdir()
    (scratch / "bytes").write_bytes(bytes(1000))
    leftovers.add_path(address)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        server.listen()
        _say("socket")
        anyio.run(_serve, leftovers, backend="trio")


async def _serve(leftovers: Leftovers) -> None:
    pool = SlotPool(4, 4096)
    async with start_tree(flags=SupFlags(intensity=1000)) as tree:
        leftovers.follow(tree.runtime)
        for number in range(CHILDREN):
            name = f"p{number}"
            await start_child("sup", ChildSpec(id=name, name=name, start=Proxy, args=(ChildArgs(), [pool.fd])))
            _say(name)
            pool.acquire(name)
            grandchild = await tree.runtime.call(name, Spawn(wrap=number == 0), timeout=30.0)
            _say(f"grandchild-{msgspec.json.encode(grandchild.pid).decode()}")
        _say("serving")
        await anyio.sleep_forever()


def _say(word: str) -> None:
    print(word, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
