"""Policies: what they see, how they act, with which delay, how they are built, stored and named.

Importing this package loads no torch; its names load their module when they are first used. The codec, observation,
delay, inputs, noise, manifest and reference modules need numpy and msgspec only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exphil_rt.policy.bundle import load_bundle, load_policy, save_bundle
    from exphil_rt.policy.codec import ActionCodec
    from exphil_rt.policy.config import PolicyConfig
    from exphil_rt.policy.delay import DelayQueue
    from exphil_rt.policy.encoder import Encoder
    from exphil_rt.policy.inputs import Inputs, build_inputs
    from exphil_rt.policy.manifest import (
        BundleInvalid,
        Manifest,
        PolicyIncompatible,
        check_delay,
        delay_sentence,
        read_manifest,
    )
    from exphil_rt.policy.noise import keyed_uniform
    from exphil_rt.policy.observation import ObservationSchema, default_schema
    from exphil_rt.policy.policy import Policy
    from exphil_rt.policy.ref import PolicyRef, parse_ref, resolve_bundle

_MODULES = {
    "ActionCodec": "codec",
    "BundleInvalid": "manifest",
    "DelayQueue": "delay",
    "Encoder": "encoder",
    "Inputs": "inputs",
    "Manifest": "manifest",
    "ObservationSchema": "observation",
    "Policy": "policy",
    "PolicyConfig": "config",
    "PolicyIncompatible": "manifest",
    "PolicyRef": "ref",
    "build_inputs": "inputs",
    "check_delay": "manifest",
    "default_schema": "observation",
    "delay_sentence": "manifest",
    "keyed_uniform": "noise",
    "load_bundle": "bundle",
    "load_policy": "bundle",
    "parse_ref": "ref",
    "read_manifest": "manifest",
    "resolve_bundle": "ref",
    "save_bundle": "bundle",
}

__all__ = (
    "ActionCodec",
    "BundleInvalid",
    "DelayQueue",
    "Encoder",
    "Inputs",
    "Manifest",
    "ObservationSchema",
    "Policy",
    "PolicyConfig",
    "PolicyIncompatible",
    "PolicyRef",
    "build_inputs",
    "check_delay",
    "default_schema",
    "delay_sentence",
    "keyed_uniform",
    "load_bundle",
    "load_policy",
    "parse_ref",
    "read_manifest",
    "resolve_bundle",
    "save_bundle",
)


def __getattr__(name: str) -> object:
    """Load a public name lazily (PEP 562)."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'exphil_rt.policy' has no attribute {name!r}")
    return getattr(importlib.import_module(f"exphil_rt.policy.{module}"), name)
