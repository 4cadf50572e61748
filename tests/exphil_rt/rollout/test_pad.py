"""A person's controller: what a gamepad or held keys become in the game."""

from __future__ import annotations

import math

import pytest

from exphil_rt.game.frames import Button
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.rollout.pad import GamepadMissing, PadState, controllers_of, keyboard_state, read_gamepad, reader_of


class Stick:
    """A joystick with pygame's methods."""

    def __init__(self, name="Xbox 360 Controller", axes=(0, 0, -1, 0, 0, -1), buttons=(), hat=None):
        self.name, self.axes, self.buttons, self.hat = name, axes, buttons, hat

    def get_name(self):
        return self.name

    def get_numaxes(self):
        return len(self.axes)

    def get_axis(self, number):
        return self.axes[number]

    def get_numbuttons(self):
        return 16

    def get_button(self, number):
        return number in self.buttons

    def get_numhats(self):
        return 0 if self.hat is None else 1

    def get_hat(self, number):
        return self.hat


def read(**more):
    pumped = []
    found = reader_of(Stick(**more), lambda: pumped.append(1))()
    assert pumped
    return found


def test_a_common_gamepad():
    state = read(axes=(1.0, -0.5, -1.0, 0.0, 1.0, 1.0), buttons=(0, 5), hat=(0, 1))
    assert state.main == (1.0, 0.5)
    assert state.c == (0.0, -1.0)
    assert state.triggers == (0.0, 1.0)
    assert state.buttons == {"a", "z", "up"}
    assert read() == PadState(c=(0.0, 0.0), main=(0.0, 0.0))


def test_a_gamecube_adapter():
    state = read(name="MAYFLASH GameCube Controller Adapter", axes=(0, 0, 0, -1, -1, 0), buttons=(1, 4))
    assert state.buttons == {"x", "l"}


def test_controllers_are_what_the_game_would_show():
    held = controllers_of(PadState((1.0, 1.0), (0.1, 0.9), (0.5, 0.0), frozenset({"a", "z"})))
    assert math.hypot(held.joystick_x, held.joystick_y) <= 1.0
    assert held.joystick_x == held.joystick_y == pytest.approx(56 / 80)
    assert (held.raw_x, held.raw_y) == (56, 56)
    assert held.cstick_x == 0, "inside the dead zone"
    assert held.buttons == Button.A | Button.Z
    assert held.trigger == pytest.approx(0.5)
    through = controllers_of(PadState(triggers=(0.0, 1.0)))
    assert (through.buttons, through.trigger) == (Button.R, 1.0)
    wild = controllers_of(PadState((math.nan, 5.0), (math.inf, 0.0), (math.nan, -1.0)))
    assert (wild.joystick_x, wild.joystick_y, wild.cstick_x, wild.trigger) == (0.0, 1.0, 0.0, 0.0)
    assert (ActionCodec().encode(controllers_of(PadState())) == ActionCodec().neutral()).all()


def test_keys():
    state = keyboard_state({"left", "up", "d", "q"})
    assert state.main == (-1.0, 1.0)
    assert state.buttons == {"x"}
    assert keyboard_state({"left", "right"}).main == (0.0, 0.0)


def test_no_gamepad_is_one_sentence():
    pytest.importorskip("pygame")
    with pytest.raises(GamepadMissing, match="There is no gamepad 15"):
        read_gamepad(15)
