"""Action state ids against libmelee's enum and against their own names."""

from __future__ import annotations

from melee.enums import Action

from exphil_rt.game import states as st


def test_every_constant_has_the_id_of_its_name():
    constants = {name: value for name, value in vars(st).items() if name.isupper() and isinstance(value, int)}
    del constants["NUM_COMMON_STATES"], constants["FIRST_SPECIAL"]
    assert len(constants) > 100
    for name, value in constants.items():
        assert st.NAMES[value].lower() == name.replace("_", "").lower()


def test_common_states_are_those_of_libmelee():
    ids = {action.value for action in Action if action.value < st.NUM_COMMON_STATES}
    assert ids == set(range(st.NUM_COMMON_STATES))
    pairs = {
        "STANDING": st.WAIT, "WALK_FAST": st.WALK_FAST, "DASHING": st.DASH, "KNEE_BEND": st.KNEE_BEND,
        "JUMPING_ARIAL_BACKWARD": st.JUMP_AERIAL_B, "DEAD_FALL": st.FALL_SPECIAL, "TUMBLING": st.DAMAGE_FALL,
        "CROUCH_END": st.SQUAT_RV, "LANDING_SPECIAL": st.LANDING_FALL_SPECIAL, "LOOPING_ATTACK_END": st.ATTACK_100_END,
        "FTILT_MID": st.ATTACK_S3_S, "DOWNSMASH": st.ATTACK_LW_4, "BAIR": st.ATTACK_AIR_B, "DAIR_LANDING":
        st.LANDING_AIR_LW, "DAMAGE_FLY_ROLL": st.DAMAGE_FLY_ROLL, "SHIELD_STUN": st.GUARD_SET_OFF,
        "TECH_MISS_UP": st.DOWN_BOUND_U, "GETUP_ATTACK": st.DOWN_ATTACK_D, "BACKWARD_TECH": st.PASSIVE_STAND_B,
        "SHIELD_BREAK_TEETER": st.FURAFURA, "GRAB_WAIT": st.CATCH_WAIT, "THROW_DOWN": st.THROW_LW,
        "AIRDODGE": st.ESCAPE_AIR, "PLATFORM_DROP": st.PASS, "EDGE_TEETERING": st.OTTOTTO_WAIT,
        "EDGE_HANGING": st.CLIFF_WAIT, "EDGE_JUMP_2_QUICK": st.CLIFF_JUMP_QUICK_2, "ENTRY_END": st.ENTRY_END,
        "ON_HALO_WAIT": st.REBIRTH_WAIT, "NOTHING_STATE": st.SLEEP, "DEAD_FLY_STAR": st.DEAD_UP_STAR,
    }  # fmt: skip
    for name, value in pairs.items():
        assert Action[name].value == value, name


def test_names_for_people():
    assert st.state_name(st.ATTACK_AIR_LW) == "AttackAirLw"
    assert st.state_name(360) == "special 360"
