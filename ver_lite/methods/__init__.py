"""The methods, one file each, by name."""

from ver_lite.methods.base import Method, Protocol, Step
from ver_lite.methods.rnp import RNP
from ver_lite.methods.ver import VER

METHODS: dict[str, type[Method]] = {"rnp": RNP, "ver": VER}

__all__ = ["METHODS", "Method", "Protocol", "RNP", "Step", "VER"]
