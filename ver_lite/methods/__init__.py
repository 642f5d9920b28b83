"""The methods, one file each, by name."""

from ver_lite.methods.a2i import A2I
from ver_lite.methods.a2r import A2R
from ver_lite.methods.ablations import AddOne, AddOnly, DropOnly, MaskDropout
from ver_lite.methods.base import Method, Protocol, Step
from ver_lite.methods.car import CAR
from ver_lite.methods.cr import CR
from ver_lite.methods.dmr import DMR
from ver_lite.methods.inter_rat import InterRAT
from ver_lite.methods.invrat import INVRAT
from ver_lite.methods.nir import NIR, NIRAttention
from ver_lite.methods.random_masks import RandomMasks
from ver_lite.methods.rnp import RNP
from ver_lite.methods.three_player import ThreePlayer
from ver_lite.methods.ver import VER

METHODS: dict[str, type[Method]] = {
    "rnp": RNP,
    "ver": VER,
    "ver-drop": DropOnly,
    "ver-add": AddOnly,
    "rnp-add-one": AddOne,
    "mask-dropout": MaskDropout,
    "random-masks": RandomMasks,
    # noise and causes
    "nir": NIR,
    "nir-a2r": NIRAttention,
    "dmr": DMR,
    "inter-rat": InterRAT,
    "cr": CR,
    # rivals: a further player attacks, explains too, knows more, reads the rest, or argues for another class
    "a2i": A2I,
    "a2r": A2R,
    "invrat": INVRAT,
    "3player": ThreePlayer,
    "car": CAR,
}

__all__ = ["METHODS", "Method", "Protocol", "RNP", "Step", "VER"]
