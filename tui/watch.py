"""The app of ``exphil-rt sim watch`` and ``sim play``: one game large, with pause, step and speed.

It draws and asks; a process of its own plays (``messages.watch``).
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.widgets import Footer, Static

from exphil_rt.messages.watch import Answer, Ask, Failed, NewGame, Next, Shown, WatchSetup
from tui.glyphs import ASCII, UNICODE
from tui.look import Look
from tui.palette import Palette
from tui.theme import MIDNIGHT, VARIABLES
from tui.widgets.exhibition import Exhibition

SPEEDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
HZ: Final = 60.0
ANSWER_S: Final = 15.0
START_S: Final = 300.0
"""The first answer waits for the game to be compiled, where it is not."""
HOLD_S: Final = 0.12
"""A terminal says when a key is pressed, never when it is let go: it counts as held for so long."""
MAX_ANSWER: Final = 1 << 20
COMMAND: Final = (sys.executable, "-m", "exphil_rt.rollout.show")


class Feed:
    """The process behind the picture."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self.command = command
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ask(self, what: Ask, deadline: float = ANSWER_S) -> Answer:
        """One question and its answer; a Failed where there is none in time."""
        async with self._turn:
            try:
                async with asyncio.timeout(deadline):
                    if self._process is None:
                        self._process = await asyncio.create_subprocess_exec(
                            *self.command,
                            stdin=asyncio.subprocess.PIPE,
                            stdout=asyncio.subprocess.PIPE,
                            stderr=asyncio.subprocess.DEVNULL,
                        )
                    reader, writer = self._process.stdout, self._process.stdin
                    assert reader is not None
                    assert writer is not None
                    body = msgspec.msgpack.encode(what)
                    writer.write(struct.pack(">I", len(body)) + body)
                    await writer.drain()
                    (size,) = struct.unpack(">I", await reader.readexactly(4))
                    if size > MAX_ANSWER:
                        return Failed(text="The game's process gave an answer that is too large.")
                    answer: Answer = msgspec.msgpack.decode(await reader.readexactly(size), type=Answer)
                    return answer
            except (TimeoutError, OSError, asyncio.IncompleteReadError, msgspec.MsgspecError) as error:
                await self._end()
                kind = "did not answer" if isinstance(error, TimeoutError) else "ended"
                return Failed(text=f"The process that plays {kind}. Leave with q and start again.")

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


class WatchApp(App[str]):
    """One game.

    Args:
        setup: what is shown.
        ascii_only: draw with ASCII characters alone.
        feed: the process behind it.
    """

    CSS = """
    Screen { background: $background; }
    #picture { height: 1fr; }
    #line { height: 1; padding: 0 1; color: $text-muted; }
    """
    TITLE = "exphil_rt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause"),
        Binding("full_stop", "step", "Step", key_display="."),
        Binding("plus,equals_sign", "faster", "Faster", key_display="+"),
        Binding("minus", "slower", "Slower", key_display="-"),
        Binding("z", "zoom", "Zoom"),
        Binding("n", "new_game", "New game"),
        Binding("f12", "picture", "Picture"),
        Binding("q,ctrl+q,ctrl+c", "leave", "Quit"),
    ]

    def __init__(self, setup: WatchSetup, *, ascii_only: bool = False, feed: Feed | None = None) -> None:
        super().__init__()
        self.register_theme(MIDNIGHT)
        self.setup = setup
        self.playing = "human" in setup.players
        self.keyboard = self.playing and setup.gamepad < 0
        self.feed = feed or Feed()
        self.look = Look(ASCII if ascii_only else UNICODE, Palette(self.get_css_variables()))
        self.paused = False
        self.speed = SPEEDS.index(1.0)
        self.shown: Shown | None = None
        self.problem = ""
        self._held: dict[str, float] = {}
        self._owed = 0.0

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Names that a theme may lack."""
        return VARIABLES

    def compose(self) -> ComposeResult:
        picture = Exhibition(id="picture", empty="The game starts (compiling it takes a minute, once) ...")
        picture.opens = False
        yield picture
        yield Static(id="line", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Ask for the first frame, then for the others."""
        self.theme = MIDNIGHT.name
        self.look.palette = Palette(self.theme_variables)
        self.query_one(Exhibition).focus()
        self.run_worker(self._run(), name="feed", exit_on_error=True)

    async def on_unmount(self) -> None:
        """Nothing stays behind."""
        await self.feed.close()

    async def _run(self) -> None:
        self._take(await self.feed.ask(self.setup, START_S))
        last = time.monotonic()
        while True:
            now = time.monotonic()
            if not self.paused and not self.problem:
                # What a slow terminal owes is drawn as one leap, and forgotten beyond a few frames.
                self._owed = min(
                    self._owed + (now - last) * HZ * SPEEDS[self.speed], 4.0 * max(1.0, SPEEDS[self.speed])
                )
                if due := int(self._owed):
                    self._owed -= due
                    self._take(await self.feed.ask(Next(frames=due, keys=self._keys(now))))
            last = now
            await asyncio.sleep(max(0.002, 1.0 / HZ - (time.monotonic() - now)))

    def _keys(self, now: float) -> tuple[str, ...]:
        self._held = {key: until for key, until in self._held.items() if until > now}
        return tuple(self._held)

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, Failed):
            self.problem = answer.text
        else:
            self.shown, self.problem = answer, ""
            self.query_one(Exhibition).show_game(answer.game, name="Play" if self.playing else "Watch")
        self.query_one("#line", Static).update(self.line())

    def line(self) -> str:
        """The line below the picture."""
        if self.problem or self.shown is None:
            return self.problem or "..."
        doing = self.shown.end or ("paused" if self.paused else f"{SPEEDS[self.speed]:g}x")
        keys = "  arrows stick, a A, s B, d jump, f shield, g grab, ujhk c-stick" if self.keyboard else ""
        return f"{self.shown.title}  {doing}{keys}"

    def on_key(self, event: Key) -> None:
        """Keys of a person who plays with the keyboard."""
        if self.keyboard and (event.key in ("left", "right", "up", "down") or event.key in "asdfghjku"):
            self._held[event.key] = time.monotonic() + HOLD_S
            event.stop()

    def action_pause(self) -> None:
        """Hold, or go on."""
        self.paused = not self.paused
        self._owed = 0.0
        self.query_one("#line", Static).update(self.line())

    async def action_step(self) -> None:
        """One frame, holding before and after."""
        self.paused = True
        self._take(await self.feed.ask(Next(frames=1, keys=self._keys(time.monotonic()))))

    def action_faster(self) -> None:
        """The next speed up."""
        self.speed = min(self.speed + 1, len(SPEEDS) - 1)
        self.query_one("#line", Static).update(self.line())

    def action_slower(self) -> None:
        """The next speed down."""
        self.speed = max(self.speed - 1, 0)
        self.query_one("#line", Static).update(self.line())

    def action_zoom(self) -> None:
        """The near view, or all up to the blast zones."""
        self.query_one(Exhibition).action_zoom()

    async def action_new_game(self) -> None:
        """Another game, or the file again."""
        self._take(await self.feed.ask(NewGame()))

    def action_picture(self) -> None:
        """Save the screen as SVG."""
        self.notify(self.save_screenshot(path="."), title="Saved", markup=False)

    def action_leave(self) -> None:
        """Leave; the game's process ends."""
        self.exit("left")
