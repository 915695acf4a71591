"""Devices of this machine, and the number types that they compute in."""

from __future__ import annotations

import torch

from engine.errors import UserError


def resolve_device(device: str) -> str:
    """Turn `auto` into what there is; raise UserError where a GPU is asked for and there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("evaluator.device = 'cuda', but torch finds no GPU; set it to 'cpu' or 'auto'")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def computes_bf16(device: str) -> bool:
    """Whether the processor has instructions for bf16, so that it is faster than float32."""
    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= 8
    features = torch.cpu.get_capabilities()
    return any(features.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))


def resolve_precision(precision: str, device: str) -> str:
    """Turn `auto` into bf16 where the processor computes in it, else f32."""
    return ("bf16" if computes_bf16(device) else "f32") if precision == "auto" else precision
