"""Builds a piper voice of a few kilobytes: a hum, whose pitch tells who speaks.

Real in everything but its weights: an ONNX graph with the inputs and outputs of piper's, and the
description beside it. Each phoneme lasts 40 ms; speaker N hums at 100 + 20 N Hz.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

_SYMBOLS = "_^$ !'(),-.:;?abcdefghijklmnopqrstuvwxyzæçðøŋœ" + "".join(map(chr, range(0x250, 0x300)))
_HOP = 256
_LOWEST, _STEP = 100.0, 20.0


def pitch_of(speaker: int) -> float:
    """Hz."""
    return _LOWEST + _STEP * speaker


def build(
    folder: Path,
    name: str,
    *,
    speakers: Sequence[str] = (),
    rate: int = 22_050,
    aligned: bool = False,
    spoilt: str = "",
) -> Path:
    """Write the voice; `spoilt` by "nan", "some nan", "silence", "nothing" or "wrong lengths"."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    save(_model(rate, with_sid=bool(speakers), aligned=aligned, spoilt=spoilt), str(path))
    description = {
        "audio": {"sample_rate": rate, "quality": "medium"},
        "espeak": {"voice": "en-gb-x-rp"},
        "phoneme_type": "espeak",
        "num_symbols": len(_SYMBOLS),
        "num_speakers": max(1, len(speakers)),
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(_SYMBOLS)},
        "speaker_id_map": {speaker: number for number, speaker in enumerate(speakers)},
        "hop_length": _HOP,
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(description))
    return path


def _model(rate: int, *, with_sid: bool, aligned: bool, spoilt: str):  # type: ignore[no-untyped-def]
    hops = 0.04 * rate / _HOP / 2  # a phoneme and the pad after it
    constants = {
        "hops": np.float32([hops]),
        "hop": np.float32(_HOP),
        "length_at": np.array([1], np.int64),
        "zero": np.float32(0),
        "one": np.float32(1),
        "turn": np.float32(2 * np.pi / rate),
        "lowest": np.float32([_LOWEST]),
        "step": np.float32([_STEP]),
        "shape": np.array([1, 1, -1], np.int64),
        "spoil": np.float32({"nan": np.nan, "silence": 0.0}.get(spoilt, 0.3)),
        "share": np.float32({"nothing": 0.0, "wrong lengths": 0.5}.get(spoilt, 1.0)),
    }
    counted = "w_ceil" if aligned else "lengths"
    nodes = [
        helper.make_node("Cast", ["input"], ["phonemes"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["phonemes", "zero"], ["nothing"]),
        helper.make_node("Gather", ["scales", "length_at"], ["length_scale"]),
        helper.make_node("Mul", ["hops", "length_scale"], ["scaled"]),
        helper.make_node("Add", ["nothing", "scaled"], ["lengths"]),
        helper.make_node("Ceil", ["lengths"], ["w_ceil"]),
        helper.make_node("ReduceSum", [counted], ["hops_in_all"], keepdims=0),
        helper.make_node("Mul", ["hops_in_all", "hop"], ["size"]),
        helper.make_node("Mul", ["size", "share"], ["shared_size"]),
        helper.make_node("Range", ["zero", "shared_size", "one"], ["sample"]),
        helper.make_node("Mul", ["sample", "turn"], ["time"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, None]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if with_sid:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
        nodes += [
            helper.make_node("Cast", ["sid"], ["number"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["number", "step"], ["above"]),
            helper.make_node("Add", ["above", "lowest"], ["pitch"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["lowest"], ["pitch"]))
    nodes += [
        helper.make_node("Mul", ["time", "pitch"], ["angle"]),
        helper.make_node("Sin", ["angle"], ["hum"]),
        helper.make_node("Mul", ["hum", "spoil"], ["loud"]),
    ]
    if spoilt == "some nan":  # the square root of the few samples below -0.29999 alone is no number
        constants["edge"] = np.float32(0.29999)
        nodes += [
            helper.make_node("Add", ["loud", "edge"], ["over"]),
            helper.make_node("Sqrt", ["over"], ["rooted"]),
            helper.make_node("Reshape", ["rooted", "shape"], ["output"]),
        ]
    else:
        nodes.append(helper.make_node("Reshape", ["loud", "shape"], ["output"]))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, None])]
    if aligned:
        outputs.append(helper.make_tensor_value_info("w_ceil", TensorProto.FLOAT, [1, None]))
    initial = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "voice", inputs, outputs, initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
