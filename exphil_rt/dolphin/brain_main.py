"""The inference process of one console: loads its policies, answers what the console asks, swaps a policy in a game.

One thread decides; a second one loads what is to be swapped in, so that no frame waits for a disk. Consoles come and
go: each start of one brings a fresh link over the socket that this process was started with, and the policies, warm as
they are, stay.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from exphil_rt.actor import ChildPort
from exphil_rt.dolphin.brain import Brain
from exphil_rt.dolphin.decider import Decider
from exphil_rt.dolphin.link import Answer, Ask, Link, LinkBroken, LinkLost, accept_end
from exphil_rt.dolphin.own_time import OwnClock
from exphil_rt.dolphin.plan import check_speed
from exphil_rt.errors import ExphilError
from exphil_rt.inference.player import Player
from exphil_rt.messages.brain import BrainArgs, BrainMeasured, BrainRefused, BrainUp, ToBrain
from exphil_rt.messages.rollout import SwapPolicy, SwapTold
from exphil_rt.policy.backbones import trust
from exphil_rt.policy.bundle import load_bundle
from exphil_rt.policy.manifest import Manifest
from exphil_rt.policy.policy import Policy

if TYPE_CHECKING:  # onnxruntime is loaded where it plays
    from exphil_rt.inference.compare import Comparison

_IDLE_S: Final = 0.05
"""Longest wait while nothing is asked; what the daemon says may wait so long."""
_STATS_S: Final = 1.0
_SWITCH_S: Final = 0.0005
"""How long the loading thread may keep the interpreter from the deciding one."""
_SEND_S: Final = 0.25
"""How long an answer may wait for room in the link."""


def main(port: ChildPort) -> None:
    """Serve until the shutdown message."""
    args = port.args(BrainArgs)
    torch.set_num_threads(1)
    sys.setswitchinterval(_SWITCH_S)
    trust(args.packages)
    begin = time.perf_counter()
    port.heartbeat("loading the policies")
    try:
        brain = Brain(args)
        port.heartbeat("warming up")
        call_ms = brain.warm_up()
    except ExphilError as error:
        port.send(BrainRefused(text=str(error)))
        raise SystemExit(1) from None
    port.ready()
    policies = tuple(decider.key for decider in brain.deciders.values())
    port.send(BrainUp(policies=policies, call_ms=call_ms, load_s=time.perf_counter() - begin))
    with socket.socket(fileno=port.fds[0]) as door:
        Server(brain, port, door).run()


class Loaded(NamedTuple):
    """A policy that is to be swapped in."""

    policy: Policy
    manifest: Manifest
    load_ms: float
    player: Player


@dataclass(frozen=True, slots=True)
class Loading:
    """A bundle on its way into a running game: read, built and timed in a thread of its own."""

    asked: SwapPolicy
    work: Future[Loaded]


class Server:
    """Between the console, the daemon and the brain.

    Args:
        brain: what decides.
        port: to the daemon.
        door: through which each console's end of a link comes.
    """

    def __init__(self, brain: Brain, port: ChildPort, door: socket.socket) -> None:
        self._brain = brain
        self._port = port
        self._door = door
        self._link: Link | None = None
        self._loading: Loading | None = None
        self._measuring: list[Future[tuple[str, Comparison]]] = []
        self._poll = select.poll()
        self._poll.register(door, select.POLLIN)
        self._next_stats = time.monotonic() + _STATS_S

    def run(self) -> None:
        """Answer until told to stop."""
        brain, port = self._brain, self._port
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="swap") as loader:
                while not port.stopping:
                    if not brain.waiting:
                        self._poll.poll(_IDLE_S * 1e3)
                    self._answer_the_door()
                    self._answer()
                    for told in brain.told():
                        port.send(told)
                    while (message := port.receive(ToBrain, 0.0)) is not None:
                        self._begin_loading(message, loader)
                    self._look_at_loading()
                    self._measure(loader)
                    now = time.monotonic()
                    if now >= self._next_stats:
                        self._next_stats = now + _STATS_S
                        port.send(brain.stats())
                    port.heartbeat("playing" if self._link is not None else "waiting for the console")
        finally:
            self._drop_link()

    def _answer_the_door(self) -> None:
        """A console that has just been started takes the place of the one before."""
        came = accept_end(self._door)
        if came is None:
            return
        self._drop_link()
        fresh = self._link = Link(came[1])
        self._poll.register(fresh, select.POLLIN)
        for ready in self._brain.ready():
            fresh.send(ready)

    def _answer(self) -> None:
        link = self._link
        if link is None:
            return
        try:
            for record in link.receive():
                if isinstance(record, Ask):
                    self._brain.take(record)
            for answer in self._brain.decide():
                _send(link, answer)
        except (LinkLost, LinkBroken):
            self._drop_link()

    def _drop_link(self) -> None:
        """The console is gone, and nobody wants what it asked for."""
        if self._link is not None:
            self._poll.unregister(self._link)
            self._link.close()
            self._link = None
        self._brain.forget()

    def _measure(self, loader: ThreadPoolExecutor) -> None:
        """What 8-bit weights change is measured beside the game, and told once it is known."""
        for decider in self._brain.deciders.values():
            if (work := decider.measure()) is not None:
                self._measuring.append(loader.submit(work))
        for done in [one for one in self._measuring if one.done()]:
            self._measuring.remove(done)
            policy, found = done.result()
            self._port.send(
                BrainMeasured(
                    policy=policy,
                    frames=found.frames,
                    other_actions=found.other_actions,
                    kl=found.kl,
                    value_error=found.value_error,
                )
            )

    # Swaps ------------------------------------------------------------------------------------------------------------

    def _begin_loading(self, asked: SwapPolicy, loader: ThreadPoolExecutor) -> None:
        decider = self._brain.deciders.get(asked.port)
        if decider is None:
            self._port.send(_refused(asked, f"No policy plays player {asked.port + 1}."))
        elif self._loading is not None:
            self._port.send(_refused(asked, f"{self._loading.asked.key} is just being loaded for a swap."))
        else:
            self._loading = Loading(asked, loader.submit(load_for_swap, asked, decider))

    def _look_at_loading(self) -> None:
        loading = self._loading
        if loading is None or not loading.work.done():
            return
        self._loading = None
        try:
            self._brain.deciders[loading.asked.port].begin_swap(loading.asked, *loading.work.result())
        except ExphilError as error:
            self._port.send(_refused(loading.asked, str(error)))


def load_for_swap(asked: SwapPolicy, decider: Decider) -> Loaded:
    """The policy of a swap, and what will run it. One that is too slow never meets a frame.

    Raises:
        ExphilError: it cannot be loaded, does not fit, or is too slow.
    """
    begin = time.perf_counter()
    policy, manifest = load_bundle(asked.path)
    decider.check_fit(asked.key, manifest)
    took = (time.perf_counter() - begin) * 1e3
    clock = OwnClock()
    try:
        trial = Decider(decider.port, decider.delay, policy, manifest, clock=clock)
        check_speed(asked.key, trial.warm_up(1), 1)
    finally:
        clock.close()
    return Loaded(policy, manifest, took, decider.prepare(policy, manifest))


def _refused(asked: SwapPolicy, why: str) -> SwapTold:
    return SwapTold(id=asked.id, stage="refused", slot=asked.slot, port=asked.port, key=asked.key, reason=why)


def _send(link: Link, answer: Answer) -> None:
    """Send one answer; a console that takes nothing for long has died or will be ended."""
    until = time.monotonic() + _SEND_S
    while not link.send(answer) and time.monotonic() < until:
        time.sleep(0.001)
