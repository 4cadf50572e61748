"""The client's model: rates, events, what is stale."""

from __future__ import annotations

import fake_feed
import msgspec
import pytest

from exphil_rt.messages.telemetry import ActorNode, Event, Overview
from tui.view import View


def with_actor(handled: int, pid: int = 7) -> Overview:
    node = ActorNode(path="root/a", name="a", depth=1, kind="worker", pid=pid, handled=handled)
    return fake_feed.overview(tree=(node,), events=())


def event(seq: int, text: str = "x") -> Event:
    return Event(seq=seq, time_ns=seq, level="info", actor="root", event="e", text=text)


def test_rates_come_from_what_was_handled_between_snapshots() -> None:
    view = View()
    view.take(with_actor(0), now=10.0)
    assert view.rates["root/a"] == 0.0
    for step in range(1, 40):
        view.take(with_actor(30 * step), now=10.0 + 0.5 * step)
    assert view.rates["root/a"] == pytest.approx(60.0, rel=0.01)


def test_a_restarted_actor_does_not_count_backwards() -> None:
    view = View()
    view.take(with_actor(1000), now=0.0)
    view.take(with_actor(5, pid=8), now=1.0)
    view.take(with_actor(65, pid=8), now=2.0)
    assert 0.0 <= view.rates["root/a"] <= 60.0


def test_events_are_kept_once_and_in_order() -> None:
    view = View()
    view.add_events((event(1), event(2)))
    view.add_events((event(4), event(2), event(3)))
    assert [one.seq for one in view.events] == [1, 2, 3, 4]


def test_another_daemon_starts_its_events_anew() -> None:
    view = View()
    view.take(fake_feed.overview(events=(event(40),)), now=0.0)
    other = fake_feed.overview(status=fake_feed.status(daemon_pid=99), events=(event(1, "new"),))
    view.take(other, now=1.0)
    assert [one.text for one in view.events] == ["new"]


def test_values_are_stale_only_when_there_are_some() -> None:
    view = View()
    view.link = "lost"
    assert not view.stale
    view.take(fake_feed.overview(), now=0.0)
    assert view.stale
    view.link = "connected"
    assert not view.stale


def test_lookups() -> None:
    view = View()
    assert view.game(3) is None
    assert view.node("root") is None
    view.take(fake_feed.overview(), now=0.0)
    assert view.game(3) is not None
    assert view.node("root/games/runner-1") is not None
    assert view.game(99) is None
    assert msgspec.structs.asdict(view.status)["run"] == "mewtwo-zero-01"
