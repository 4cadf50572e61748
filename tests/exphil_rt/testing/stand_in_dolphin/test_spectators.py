"""The spectator server: cursors, late joiners and the one latest menu frame, as SlippiSpectate.cpp has them."""

from __future__ import annotations

import base64
import json
import random
import time

import enet
import pytest

from exphil_rt.testing.stand_in_dolphin.spectators import CLIENTS, PortTaken, Spectators

DEADLINE_S = 20.0


class Client:
    """Somebody who listens."""

    def __init__(self, port):
        self.host = enet.Host(None, 1, 1, 0, 0)
        self.peer = self.host.connect(enet.Address(b"127.0.0.1", port), 1)
        self.connected = False
        self.gone = False
        self.got = []

    def service(self):
        while (event := self.host.service(0)).type != enet.EVENT_TYPE_NONE:
            if event.type == enet.EVENT_TYPE_CONNECT:
                self.connected = True
            elif event.type == enet.EVENT_TYPE_DISCONNECT:
                self.gone = True
            elif event.type == enet.EVENT_TYPE_RECEIVE:
                self.got.append(event.packet.data)

    def send(self, data):
        self.peer.send(0, enet.Packet(data))
        self.host.flush()

    def messages(self, kind=None):
        found = [json.loads(data) for data in self.got]
        return [message for message in found if kind in (None, message["type"])]


@pytest.fixture
def server():
    for _ in range(50):
        try:
            found = Spectators(random.SystemRandom().randint(20_000, 60_000), "4.0.0")
            break
        except PortTaken:
            continue
    yield found
    found.close()


def until(server, clients, done, seconds=DEADLINE_S):
    """Serve everybody until something holds; whether it did."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        server.service()
        for client in clients:
            client.service()
        time.sleep(0.0005)
    return True


def joined(server, *others, cursor=0):
    """A client that has shaken hands."""
    client = Client(server.port)
    assert until(server, [client, *others], lambda: client.connected)
    client.send(json.dumps({"type": "connect_request", "cursor": cursor}).encode())
    assert until(server, [client, *others], lambda: client.messages("connect_reply"))
    return client


def payloads(client, kind):
    return [base64.b64decode(message["payload"]) for message in client.messages(kind)]


def test_nothing_is_sent_before_the_handshake_and_everything_of_the_game_after_it(server):
    early = Client(server.port)
    assert until(server, [early], lambda: early.connected)
    server.start_game()
    for number in range(5):
        server.game_event(bytes((number,)))
    assert not until(server, [early], lambda: early.got, seconds=0.1)
    late = joined(server, early)
    assert until(server, [late], lambda: len(late.messages("game_event")) == 5)
    (reply,) = late.messages("connect_reply")
    assert (reply["cursor"], reply["version"], reply["nick"]) == (0, "4.0.0", "Slippi Online")
    assert payloads(late, "game_event") == [bytes((number,)) for number in range(5)]
    cursors = [(message["cursor"], message["next_cursor"]) for message in late.messages("game_event")]
    assert cursors == [(number, number + 1) for number in range(5)]
    server.game_event(b"more")
    assert until(server, [late], lambda: payloads(late, "game_event")[-1] == b"more")


def test_who_joins_in_a_game_may_ask_for_the_rest_alone(server):
    server.start_game()
    for number in range(5):
        server.game_event(bytes((number,)))
    client = joined(server, cursor=3)
    assert until(server, [client], lambda: len(client.messages("game_event")) == 2)
    assert payloads(client, "game_event") == [b"\3", b"\4"]
    beyond = joined(server, cursor=99)
    assert until(server, [beyond], lambda: len(beyond.messages("game_event")) == 5), "too far: from the start"


def test_who_joins_in_the_menus_gets_the_last_menu_frame_and_no_old_game(server):
    server.start_game()
    server.game_event(b"old")
    server.end_game()
    server.menu_event(b"first")
    server.menu_event(b"second")
    client = joined(server)
    assert until(server, [client], lambda: client.messages("menu_event"))
    server.menu_event(b"third")
    server.start_game()
    server.game_event(b"new")
    assert until(server, [client], lambda: client.messages("game_event"))
    kinds = [message["type"] for message in client.messages()]
    assert kinds == ["connect_reply", "menu_event", "menu_event", "start_game", "game_event"]
    assert payloads(client, "menu_event") == [b"second", b"third"]
    assert payloads(client, "game_event") == [b"new"]
    assert client.messages("game_event")[0]["cursor"] == 1, "cursors go on from game to game"


def test_menu_frames_are_counted_anew_after_a_game_which_an_empty_packet_shows(server):
    client = joined(server)
    server.menu_event(b"before")
    for name in (b"a", b"b"):
        server.start_game()
        server.game_event(b"game")
        server.end_game()
        server.menu_event(name)
    assert until(server, [client], lambda: client.got and client.got[-1].find(b"menu_event") >= 0)
    assert client.got.count(b"") == 2
    client.got = [data for data in client.got if data]
    assert payloads(client, "menu_event") == [b"before", b"a", b"b"]


@pytest.mark.parametrize(
    "request_",
    [b"", b"{", b"[]", b'{"type":"connect_request"}', b'{"type":"connect_request","cursor":"x"}', b"\xff" * 5000],
)
def test_a_request_that_is_none_is_ignored(server, request_):
    client = Client(server.port)
    assert until(server, [client], lambda: client.connected)
    client.send(request_)
    assert not until(server, [client], lambda: client.got, seconds=0.1)
    assert not server.listening


def test_four_may_listen_and_a_port_has_one_server(server):
    clients = []
    for _ in range(CLIENTS):
        clients.append(joined(server, *clients))
    fifth = Client(server.port)
    assert not until(server, [*clients, fifth], lambda: fifth.connected, seconds=0.3)
    with pytest.raises(PortTaken, match=str(server.port)):
        Spectators(server.port, "4.0.0")


def test_an_orderly_disconnect_is_seen_at_once_and_silence_is_not(server):
    client, other = joined(server), None
    server.disconnect()
    assert until(server, [client], lambda: client.gone, seconds=3.0)
    assert not server.listening
    other = joined(server)
    server.fall_silent()
    server.start_game()
    server.game_event(b"unheard")
    assert not until(server, [other], lambda: other.gone or other.messages("game_event"), seconds=0.2)
