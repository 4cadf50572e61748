"""The spectator server: who listens, what each has been sent, and the packets themselves.

Cursors, late joiners and the one latest menu frame follow SlippiSpectate.cpp of
https://github.com/project-slippi/Ishiiruka, as do the messages. Real Dolphin's server thread looks once a millisecond;
here a message leaves at once.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Sequence
from typing import Any, Final

import enet
import msgspec

CLIENTS: Final = 4
_CHANNELS: Final = 2
_MAX_REQUEST: Final = 4_096


class _Client:
    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.shook_hands = False
        self.cursor = 0
        self.menu_cursor = 0


class PortTaken(OSError):
    """The UDP port belongs to somebody else."""


class Spectators:
    """The server of one console.

    Args:
        port: UDP port, of this machine alone (Dolphin takes it on all interfaces).
        version: what the handshake says.

    Raises:
        PortTaken: somebody else has the port.
    """

    def __init__(self, port: int, version: str) -> None:
        try:
            self._host = enet.Host(enet.Address(b"127.0.0.1", port), CLIENTS, _CHANNELS, 0, 0)
        except (MemoryError, OSError) as error:
            raise PortTaken(f"UDP port {port} is taken") from error
        self.port = port
        self.fd: int = self._host.socket.fileno()
        self.shakes_hands = True
        """Whether handshakes are answered."""
        self._version = version
        self._clients: dict[int, _Client] = {}
        self._events: list[bytes] = []
        self._offset = 0
        self._menu = b""
        self._menu_cursor = 0
        self._in_game = False
        self._silent = False

    @property
    def listening(self) -> bool:
        """Whether a client has shaken hands."""
        return any(client.shook_hands for client in self._clients.values())

    def service(self) -> None:
        """Handle what came in, keep the connections alive, send what is due."""
        if self._silent:
            return
        while (event := self._host.service(0)).type != enet.EVENT_TYPE_NONE:
            number = event.peer.incomingPeerID
            if event.type == enet.EVENT_TYPE_CONNECT:
                self._clients[number] = _Client(event.peer)
            elif event.type == enet.EVENT_TYPE_DISCONNECT:
                self._clients.pop(number, None)
            elif event.type == enet.EVENT_TYPE_RECEIVE and number in self._clients:
                self._request(self._clients[number], event.packet.data)

    def start_game(self, codes: Sequence[str] = ()) -> None:
        """A game begins: its messages replace those of the last one.

        Args:
            codes: the players' connect codes, online.
        """
        self._events.clear()
        self._in_game = True
        message: dict[str, Any] = {"type": "start_game"}
        if codes:
            message["players"] = [{"connect_code": code, "is_decider": not at} for at, code in enumerate(codes)]
        self._send_all([msgspec.json.encode(message)])

    def end_game(self) -> None:
        """The game is over; menus follow."""
        self._menu_cursor = 0
        self._offset += len(self._events)
        self._menu = b""
        self._in_game = False
        self._send_all([b'{"type":"end_game"}'])

    def game_event(self, payload: bytes) -> None:
        """A message with one or more of Slippi's events."""
        cursor = len(self._events) + self._offset
        self.game_message(
            b'{"cursor":%d,"next_cursor":%d,"payload":"%s","type":"game_event"}'
            % (cursor, cursor + 1, base64.b64encode(payload))
        )

    def game_message(self, message: bytes) -> None:
        """A message as it is, also one that is none; late joiners get it, too."""
        self._events.append(message)
        self._send_all([])

    def menu_event(self, payload: bytes) -> None:
        """A menu frame; who missed it gets the next one."""
        self._menu = b'{"payload":"%s","type":"menu_event"}' % base64.b64encode(payload)
        self._menu_cursor += 1
        self._send_all([])

    def raw(self, data: bytes) -> None:
        """A packet to everybody who listens, and to nobody else later."""
        self._send_all([data])

    def disconnect(self) -> None:
        """An orderly good-bye to every client."""
        for client in self._clients.values():
            client.peer.disconnect()
            client.shook_hands = False
        self._flush()

    def fall_silent(self) -> None:
        """Never read nor send again, without a word."""
        self._silent = True

    def close(self) -> None:
        """Close the socket without a word, as a process that ends does."""
        self._silent = True
        self._clients.clear()
        with contextlib.suppress(AttributeError):
            del self._host

    def _request(self, client: _Client, data: bytes) -> None:
        try:
            request = msgspec.json.decode(data[:_MAX_REQUEST])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        wanted = request.get("cursor") if isinstance(request, dict) else None
        if not isinstance(wanted, int) or request.get("type") != "connect_request" or not self.shakes_hands:
            return
        inside = self._offset <= wanted <= len(self._events) + self._offset
        client.cursor = wanted - self._offset if inside else 0
        cursor = client.cursor + self._offset
        reply = {"type": "connect_reply", "nick": "Slippi Online", "version": self._version, "cursor": cursor}
        if not self._in_game:
            client.cursor = len(self._events)
        self._send(client, msgspec.json.encode(reply))
        client.shook_hands = True
        self._send_all([])

    def _send_all(self, meta: list[bytes]) -> None:
        if self._silent:
            return
        for client in self._clients.values():
            if not client.shook_hands:
                continue
            if not self._in_game and client.menu_cursor != self._menu_cursor:
                client.menu_cursor = self._menu_cursor
                self._send(client, self._menu)  # empty at the end of a game, as from Dolphin
            for message in meta:
                self._send(client, message)
            if client.cursor > len(self._events):
                client.cursor = 0
            for message in self._events[client.cursor :]:
                self._send(client, message)
            client.cursor = len(self._events)
        self._flush()

    def _send(self, client: _Client, data: bytes) -> None:
        client.peer.send(0, enet.Packet(data, enet.PACKET_FLAG_RELIABLE))

    def _flush(self) -> None:
        self._host.flush()
