"""Action states: the ids that stand in frames (``PlayerColumns.state``), as constants, and their names.

Ids and names are the game's own (the tables of the public decompilation, github.com/doldecomp/melee, and Slippi's
"action state" ids); ids from 341 on mean another state for every fighter and have no name here. The constants are
those that the library uses; plain integers, because compiled game code reads them.
"""

from __future__ import annotations

from typing import Final

DEAD_DOWN: Final = 0
DEAD_LEFT: Final = 1
DEAD_RIGHT: Final = 2
DEAD_UP: Final = 3
DEAD_UP_STAR: Final = 4
SLEEP: Final = 11
REBIRTH: Final = 12
REBIRTH_WAIT: Final = 13
WAIT: Final = 14
WALK_SLOW: Final = 15
WALK_MIDDLE: Final = 16
WALK_FAST: Final = 17
TURN: Final = 18
TURN_RUN: Final = 19
DASH: Final = 20
RUN: Final = 21
RUN_BRAKE: Final = 23
KNEE_BEND: Final = 24
JUMP_F: Final = 25
JUMP_B: Final = 26
JUMP_AERIAL_F: Final = 27
JUMP_AERIAL_B: Final = 28
FALL: Final = 29
FALL_AERIAL: Final = 32
FALL_SPECIAL: Final = 35
DAMAGE_FALL: Final = 38
SQUAT: Final = 39
SQUAT_WAIT: Final = 40
SQUAT_RV: Final = 41
LANDING: Final = 42
LANDING_FALL_SPECIAL: Final = 43
ATTACK_11: Final = 44
ATTACK_12: Final = 45
ATTACK_13: Final = 46
ATTACK_100_START: Final = 47
ATTACK_100_LOOP: Final = 48
ATTACK_100_END: Final = 49
ATTACK_DASH: Final = 50
ATTACK_S3_HI: Final = 51
ATTACK_S3_S: Final = 53
ATTACK_S3_LW: Final = 55
ATTACK_HI_3: Final = 56
ATTACK_LW_3: Final = 57
ATTACK_S4_S: Final = 60
ATTACK_HI_4: Final = 63
ATTACK_LW_4: Final = 64
LIGHT_THROW_F: Final = 94
LIGHT_THROW_AIR_F: Final = 100
LIGHT_THROW_F_4: Final = 108
LIGHT_THROW_AIR_F_4: Final = 112
ATTACK_AIR_N: Final = 65
ATTACK_AIR_F: Final = 66
ATTACK_AIR_B: Final = 67
ATTACK_AIR_HI: Final = 68
ATTACK_AIR_LW: Final = 69
LANDING_AIR_N: Final = 70
LANDING_AIR_F: Final = 71
LANDING_AIR_B: Final = 72
LANDING_AIR_HI: Final = 73
LANDING_AIR_LW: Final = 74
DAMAGE_HI_1: Final = 75
DAMAGE_HI_2: Final = 76
DAMAGE_HI_3: Final = 77
DAMAGE_N1: Final = 78
DAMAGE_N2: Final = 79
DAMAGE_N3: Final = 80
DAMAGE_LW_1: Final = 81
DAMAGE_LW_2: Final = 82
DAMAGE_LW_3: Final = 83
DAMAGE_AIR_1: Final = 84
DAMAGE_AIR_2: Final = 85
DAMAGE_AIR_3: Final = 86
DAMAGE_FLY_HI: Final = 87
DAMAGE_FLY_N: Final = 88
DAMAGE_FLY_LW: Final = 89
DAMAGE_FLY_TOP: Final = 90
DAMAGE_FLY_ROLL: Final = 91
GUARD_ON: Final = 178
GUARD: Final = 179
GUARD_OFF: Final = 180
GUARD_SET_OFF: Final = 181
DOWN_BOUND_U: Final = 183
DOWN_WAIT_U: Final = 184
DOWN_DAMAGE_U: Final = 185
DOWN_STAND_U: Final = 186
DOWN_ATTACK_U: Final = 187
DOWN_FORWARD_U: Final = 188
DOWN_BACK_U: Final = 189
DOWN_BOUND_D: Final = 191
DOWN_WAIT_D: Final = 192
DOWN_DAMAGE_D: Final = 193
DOWN_STAND_D: Final = 194
DOWN_ATTACK_D: Final = 195
DOWN_FORWARD_D: Final = 196
DOWN_BACK_D: Final = 197
PASSIVE: Final = 199
PASSIVE_STAND_F: Final = 200
PASSIVE_STAND_B: Final = 201
PASSIVE_WALL_JUMP: Final = 203
SHIELD_BREAK_FLY: Final = 205
SHIELD_BREAK_FALL: Final = 206
SHIELD_BREAK_DOWN_U: Final = 207
SHIELD_BREAK_DOWN_D: Final = 208
SHIELD_BREAK_STAND_U: Final = 209
SHIELD_BREAK_STAND_D: Final = 210
FURAFURA: Final = 211
CATCH: Final = 212
CATCH_PULL: Final = 213
CATCH_DASH: Final = 214
CATCH_WAIT: Final = 216
CATCH_ATTACK: Final = 217
CATCH_CUT: Final = 218
THROW_F: Final = 219
THROW_B: Final = 220
THROW_HI: Final = 221
THROW_LW: Final = 222
CAPTURE_PULLED_HI: Final = 223
CAPTURE_PULLED_LW: Final = 226
CAPTURE_WAIT_LW: Final = 227
CAPTURE_DAMAGE_LW: Final = 228
CAPTURE_CUT: Final = 229
CAPTURE_JUMP: Final = 230
ESCAPE_F: Final = 233
ESCAPE_B: Final = 234
ESCAPE_N: Final = 235
ESCAPE_AIR: Final = 236
REBOUND_STOP: Final = 237
REBOUND: Final = 238
THROWN_F: Final = 239
THROWN_B: Final = 240
THROWN_HI: Final = 241
THROWN_LW: Final = 242
PASS: Final = 244
OTTOTTO: Final = 245
OTTOTTO_WAIT: Final = 246
MISS_FOOT: Final = 251
CLIFF_CATCH: Final = 252
CLIFF_WAIT: Final = 253
CLIFF_CLIMB_SLOW: Final = 254
CLIFF_CLIMB_QUICK: Final = 255
CLIFF_ATTACK_SLOW: Final = 256
CLIFF_ATTACK_QUICK: Final = 257
CLIFF_ESCAPE_SLOW: Final = 258
CLIFF_ESCAPE_QUICK: Final = 259
CLIFF_JUMP_SLOW_1: Final = 260
CLIFF_JUMP_SLOW_2: Final = 261
CLIFF_JUMP_QUICK_1: Final = 262
CLIFF_JUMP_QUICK_2: Final = 263
ENTRY: Final = 322
ENTRY_START: Final = 323
ENTRY_END: Final = 324

NUM_COMMON_STATES: Final = 341
"""States below this id are shared by all fighters."""
FIRST_SPECIAL: Final = 341
"""First id of a fighter's own states."""

NAMES: Final = tuple(
    """
DeadDown DeadLeft DeadRight DeadUp DeadUpStar DeadUpStarIce DeadUpFall DeadUpFallHitCamera
DeadUpFallHitCameraFlat DeadUpFallIce DeadUpFallHitCameraIce Sleep Rebirth RebirthWait Wait WalkSlow WalkMiddle
WalkFast Turn TurnRun Dash Run RunDirect RunBrake KneeBend JumpF JumpB JumpAerialF JumpAerialB Fall FallF FallB
FallAerial FallAerialF FallAerialB FallSpecial FallSpecialF FallSpecialB DamageFall Squat SquatWait SquatRv
Landing LandingFallSpecial Attack11 Attack12 Attack13 Attack100Start Attack100Loop Attack100End AttackDash
AttackS3Hi AttackS3HiS AttackS3S AttackS3LwS AttackS3Lw AttackHi3 AttackLw3 AttackS4Hi AttackS4HiS AttackS4S
AttackS4LwS AttackS4Lw AttackHi4 AttackLw4 AttackAirN AttackAirF AttackAirB AttackAirHi AttackAirLw LandingAirN
LandingAirF LandingAirB LandingAirHi LandingAirLw DamageHi1 DamageHi2 DamageHi3 DamageN1 DamageN2 DamageN3
DamageLw1 DamageLw2 DamageLw3 DamageAir1 DamageAir2 DamageAir3 DamageFlyHi DamageFlyN DamageFlyLw DamageFlyTop
DamageFlyRoll LightGet HeavyGet LightThrowF LightThrowB LightThrowHi LightThrowLw LightThrowDash LightThrowDrop
LightThrowAirF LightThrowAirB LightThrowAirHi LightThrowAirLw HeavyThrowF HeavyThrowB HeavyThrowHi HeavyThrowLw
LightThrowF4 LightThrowB4 LightThrowHi4 LightThrowLw4 LightThrowAirF4 LightThrowAirB4 LightThrowAirHi4
LightThrowAirLw4 HeavyThrowF4 HeavyThrowB4 HeavyThrowHi4 HeavyThrowLw4 SwordSwing1 SwordSwing3 SwordSwing4
SwordSwingDash BatSwing1 BatSwing3 BatSwing4 BatSwingDash ParasolSwing1 ParasolSwing3 ParasolSwing4
ParasolSwingDash HarisenSwing1 HarisenSwing3 HarisenSwing4 HarisenSwingDash StarRodSwing1 StarRodSwing3
StarRodSwing4 StarRodSwingDash LipstickSwing1 LipstickSwing3 LipstickSwing4 LipstickSwingDash ItemParasolOpen
ItemParasolFall ItemParasolFallSpecial ItemParasolDamageFall LGunShoot LGunShootAir LGunShootEmpty
LGunShootAirEmpty FireFlowerShoot FireFlowerShootAir ItemScrew ItemScrewAir DamageScrew DamageScrewAir
ItemScopeStart ItemScopeRapid ItemScopeFire ItemScopeEnd ItemScopeAirStart ItemScopeAirRapid ItemScopeAirFire
ItemScopeAirEnd ItemScopeStartEmpty ItemScopeRapidEmpty ItemScopeFireEmpty ItemScopeEndEmpty
ItemScopeAirStartEmpty ItemScopeAirRapidEmpty ItemScopeAirFireEmpty ItemScopeAirEndEmpty LiftWait LiftWalk1
LiftWalk2 LiftTurn GuardOn Guard GuardOff GuardSetOff GuardReflect DownBoundU DownWaitU DownDamageU DownStandU
DownAttackU DownForwardU DownBackU DownSpotU DownBoundD DownWaitD DownDamageD DownStandD DownAttackD
DownForwardD DownBackD DownSpotD Passive PassiveStandF PassiveStandB PassiveWall PassiveWallJump PassiveCeil
ShieldBreakFly ShieldBreakFall ShieldBreakDownU ShieldBreakDownD ShieldBreakStandU ShieldBreakStandD Furafura
Catch CatchPull CatchDash CatchDashPull CatchWait CatchAttack CatchCut ThrowF ThrowB ThrowHi ThrowLw
CapturePulledHi CaptureWaitHi CaptureDamageHi CapturePulledLw CaptureWaitLw CaptureDamageLw CaptureCut
CaptureJump CaptureNeck CaptureFoot EscapeF EscapeB EscapeN EscapeAir ReboundStop Rebound ThrownF ThrownB
ThrownHi ThrownLw ThrownlwWomen Pass Ottotto OttottoWait FlyReflectWall FlyReflectCeil StopWall StopCeil
MissFoot CliffCatch CliffWait CliffClimbSlow CliffClimbQuick CliffAttackSlow CliffAttackQuick CliffEscapeSlow
CliffEscapeQuick CliffJumpSlow1 CliffJumpSlow2 CliffJumpQuick1 CliffJumpQuick2 AppealSR AppealSL ShoulderedWait
ShoulderedWalkSlow ShoulderedWalkMiddle ShoulderedWalkFast ShoulderedTurn ThrownFF ThrownFB ThrownFHi ThrownFLw
CaptureCaptain CaptureYoshi YoshiEgg CaptureKoopa CaptureDamageKoopa CaptureWaitKoopa ThrownKoopaF ThrownKoopaB
CaptureKoopaAir CaptureDamageKoopaAir CaptureWaitKoopaAir ThrownKoopaAirF ThrownKoopaAirB CaptureKirby
CaptureWaitKirby ThrownKirbyStar ThrownCopyStar ThrownKirby BarrelWait Bury BuryWait BuryJump DamageSong
DamageSongWait DamageSongRv DamageBind CaptureMewtwo CaptureMewtwoAir ThrownMewtwo ThrownMewtwoAir WarpStarJump
WarpStarFall HammerWait HammerWalk HammerTurn HammerKneeBend HammerFall HammerJump HammerLanding
KinokoGiantStart KinokoGiantStartAir KinokoGiantEnd KinokoGiantEndAir KinokoSmallStart KinokoSmallStartAir
KinokoSmallEnd KinokoSmallEndAir Entry EntryStart EntryEnd DamageIce DamageIceJump CaptureMasterHand
CaptureDamageMasterHand CaptureWaitMasterHand ThrownMasterHand CaptureKirbyYoshi KirbyYoshiEgg CaptureLeadead
CaptureLikelike DownReflect CaptureCrazyHand CaptureDamageCrazyHand CaptureWaitCrazyHand ThrownCrazyHand Barrel
""".split()  # noqa: SIM905
)
"""Name by id, 0..340."""


def state_name(state: int) -> str:
    """A name for people: ``Wait``, ``AttackAirLw``; ``special 341`` for a fighter's own state."""
    return NAMES[state] if 0 <= state < NUM_COMMON_STATES else f"special {state}"
