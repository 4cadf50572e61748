"""The domains of the bot's random draws: one a question. Offsets of 50 and 100 are the same question's other draws."""

from __future__ import annotations

ASK_AIM_X = 901
ASK_AIM_Y = 902
ASK_ATTACK = 903
ASK_APPROACH = 904
ASK_GUARD = 905
ASK_STRONG = 906
ASK_RECOVER = 907
ASK_DI = 908
ASK_TECH = 909
ASK_FINESSE = 910
ASK_HOP = 911
ASK_THROW = 912
ASK_LEDGE = 913
ASK_UP = 914
ASK_DODGE = 915
ASK_PICK = 916
