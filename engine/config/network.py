"""Settings of the network: its layers, the weights it begins with, and what computes it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section


class NetworkConfig(Section):
    """Residual policy and value network."""

    channels: int = Field(64, ge=1, le=4096)
    """Of the trunk: width of every 3x3 convolution."""
    blocks: int = Field(5, ge=0, le=200)
    """Residual blocks of two convolutions each."""
    head_channels: int = Field(32, ge=1, le=1024)
    """Channels of the 1x1 convolution before each head."""
    value_hidden: int = Field(64, ge=1, le=8192)
    """Width of the value head's hidden layer."""


class InitConfig(Section):
    """The weights that training begins with; random ones where no path is given."""

    path: str = ""
    """A run (its newest checkpoint then), a checkpoint, an exported folder or GAME:pretrained, of the same
    game and board; the option --init. The settings of the network come from there."""
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")
    """Of the file of weights that is found there, written down when the run is made; another is refused."""


class EvaluatorConfig(Section):
    """What computes the network in self-play."""

    backend: Literal["auto", "torch", "openvino"] = "auto"
    """`auto` takes OpenVINO where it is installed and there is no GPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU where there is one."""
    precision: Literal["auto", "f32", "bf16", "int8"] = "auto"
    """`auto` takes bf16 where the processor computes in it. int8 needs OpenVINO and is up to twice as fast as
    bf16 (`selfplay doctor` measures it); probabilities are off by about a hundredth. Its ranges are taken
    anew from positions of random play whenever weights change."""
