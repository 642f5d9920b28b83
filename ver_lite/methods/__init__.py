"""The methods of selective rationalization, one file each, and their names. Read `rnp` and `ver` first.

The files::

    base             the base class: the two players, a step, the switches on which paper and released code disagree
    rnp, ver         the plain game, and VER
    ablations        VER taken apart
    random_masks     a predictor that is trained on random masks
    nir, dmr, inter_rat, cr                 noise and causes
    a2i, a2r, invrat, three_player, car     rivals: a further player attacks, explains too, knows more, or argues
    fr, dr, mgr      one encoder, unequal rates, many selectors; each alone and with VER's perturbed masks
    hardkuma, reinforce                     other ways to draw a mask
    post_hoc, lime   explanations of a classifier of whole texts
    whole_texts      that classifier
    noise            the noise that nir puts into rationales
"""

from ver_lite.methods.a2i import A2I
from ver_lite.methods.a2r import A2R
from ver_lite.methods.ablations import AddOne, AddOnly, DropOnly, MaskDropout
from ver_lite.methods.base import Method, Protocol, Step
from ver_lite.methods.car import CAR
from ver_lite.methods.cr import CR
from ver_lite.methods.dmr import DMR
from ver_lite.methods.dr import DR, VERDR
from ver_lite.methods.fr import FR, VERFR
from ver_lite.methods.hardkuma import HardKuma
from ver_lite.methods.inter_rat import InterRAT
from ver_lite.methods.invrat import INVRAT
from ver_lite.methods.lime import Lime
from ver_lite.methods.mgr import MGR, VERMGR
from ver_lite.methods.nir import NIR, NIRAttention
from ver_lite.methods.post_hoc import Attention
from ver_lite.methods.random_masks import RandomMasks
from ver_lite.methods.reinforce import Reinforce
from ver_lite.methods.rnp import RNP
from ver_lite.methods.three_player import ThreePlayer
from ver_lite.methods.ver import VER
from ver_lite.system import outside

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


def method_class(name: str) -> type[Method]:
    """The method class of a name: one of the library's, or "package.module:Class", which is imported. Raises ValueError
    for a name that is neither."""
    return outside.find(name, Method) if outside.is_outside(name) else library_method(name)


def library_method(name: str) -> type[Method]:
    """The library's method of this name. Raises ValueError that lists all names."""
    return outside.one_of(METHODS, name, "method")


def method_name(kind: type[Method]) -> str:
    """The name by which a config gives this method."""
    return outside.name_among(METHODS, kind)


__all__ = [
    "METHODS",
    "Method",
    "Protocol",
    "RNP",
    "Step",
    "VER",
    "library_method",
    "method_class",
    "method_name",
]
