"""The methods, one file each, by name."""

from ver_lite.methods.ablations import AddOne, AddOnly, DropOnly, MaskDropout
from ver_lite.methods.base import Method, Protocol, Step
from ver_lite.methods.dr import DR, VERDR
from ver_lite.methods.fr import FR, VERFR
from ver_lite.methods.hardkuma import HardKuma
from ver_lite.methods.lime import Lime
from ver_lite.methods.mgr import MGR, VERMGR
from ver_lite.methods.post_hoc import Attention
from ver_lite.methods.random_masks import RandomMasks
from ver_lite.methods.reinforce import Reinforce
from ver_lite.methods.rnp import RNP
from ver_lite.methods.ver import VER

METHODS: dict[str, type[Method]] = {
    "rnp": RNP,
    "ver": VER,
    "ver-drop": DropOnly,
    "ver-add": AddOnly,
    "rnp-add-one": AddOne,
    "mask-dropout": MaskDropout,
    "random-masks": RandomMasks,
    # one encoder, unequal rates, many selectors: alone and with VER's perturbed masks
    "fr": FR,
    "dr": DR,
    "mgr": MGR,
    "ver-fr": VERFR,
    "ver-dr": VERDR,
    "ver-mgr": VERMGR,
    # other ways to draw a mask
    "hardkuma": HardKuma,
    "rnp-reinforce": Reinforce,
    # post hoc
    "attention": Attention,
    "lime": Lime,
}

__all__ = ["METHODS", "Method", "Protocol", "RNP", "Step", "VER"]
