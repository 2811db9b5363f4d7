"""Re-express Silero VAD v6 as a few large matrix products, with the same weights.

    python tools/pack_silero.py path/to/silero_vad_16k_op15.onnx

writes `src/greenroom/audio/models/silero_vad_16k.onnx` and, from the outputs of the original, the
reference of its test. The original is in the `silero-vad` wheel (MIT licence). It spends most of
its time in convolutions over four frames, one batch row at a time; over a whole batch each of them
is one matrix product, which costs a quarter.

What is computed, for windows of 576 samples (64 of context, 512 new):

1. 64 samples are mirrored onto the end: five blocks of 128, hence four frames of 256 (hop 128).
2. The spectrum of each frame under a Hann window. The basis of the original is exactly the
   discrete Fourier transform, so it is split by decimation in frequency: for even bins the halves
   of a windowed frame are added, for odd bins subtracted, and each needs a basis of 128 rows only.
3. Magnitudes, then four convolutions (kernel 3, padding 1; strides 1, 2, 2, 1; ReLU): 4, 2, 1, 1
   frames come out. The taps that meet only padding are left out.
4. An LSTM cell of 128, ReLU, and one output with a sigmoid.
"""

from __future__ import annotations

import argparse
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "src/greenroom/audio/models/silero_vad_16k.onnx"
REFERENCE = ROOT / "tests/audio/data/silero_reference.npz"
SPEECH = ROOT / "bench/data/user_speech_16k.wav"

CONTEXT, WINDOW, FRAME, HOP, HIDDEN = 64, 512, 256, 128, 128
BINS = FRAME // 2 + 1

Array = npt.NDArray[np.float32]


class Graph:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        array = np.ascontiguousarray(values, dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def split(self, value: str, *sizes: int) -> list[str]:
        names = [f"split_{len(self.nodes)}_{i}" for i in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [value, self.integers(*sizes)], names, axis=1))
        return names

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def cut(self, value: str, start: int, end: int, step: int = 1) -> str:
        """A slice along axis 1."""
        ends = (self.integers(v) for v in (start, end, 1, step))
        return self.node("Slice", value, *ends)

    def shape(self, value: str, *dimensions: int) -> str:
        return self.node("Reshape", value, self.integers(*dimensions))

    def join(self, *values: str, name: str = "") -> str:
        return self.node("Concat", *values, name=name, axis=1)

    def dense(self, value: str, weight: str, bias: str) -> str:
        """`value` times `weight`, plus `bias`, rectified."""
        return self.node("Relu", self.node("Gemm", value, weight, bias))


def pack(original: onnx.ModelProto) -> onnx.ModelProto:
    """The whole network: `window` int16 [n, 576] and `state` [n, 256] (hidden, cell) in;
    `probability` [n, 1] and `next_state` [n, 256] out."""
    weights = {t.name: numpy_helper.to_array(t) for t in original.graph.initializer}
    graph = Graph()
    magnitudes, bins = spectrum(graph, weights["model.stft.forward_basis_buffer"][:, 0])
    features = encoder(graph, magnitudes, bins, weights)
    recurrent(graph, features, weights)
    info = helper.make_tensor_value_info
    made = helper.make_graph(
        graph.nodes,
        "silero_vad_16k",
        [
            info("window", TensorProto.INT16, ["n", CONTEXT + WINDOW]),
            info("state", TensorProto.FLOAT, ["n", 2 * HIDDEN]),
        ],
        [
            info("probability", TensorProto.FLOAT, ["n", 1]),
            info("next_state", TensorProto.FLOAT, ["n", 2 * HIDDEN]),
        ],
        graph.constants,
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", 15)],
        ir_version=8,
        producer_name="greenroom tools/pack_silero.py",
        doc_string="Silero VAD v6, 16 kHz. Copyright (c) 2020-present Silero Team, MIT licence.",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def spectrum(graph: Graph, basis: Array) -> tuple[str, npt.NDArray[np.int64]]:
    """Magnitudes [4 n, 129], and which bin each of the columns is."""
    n = np.arange(FRAME)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / FRAME)
    angle = 2 * np.pi * np.arange(BINS)[:, None] * n / FRAME
    exact = np.concatenate([hann * np.cos(angle), -hann * np.sin(angle)])
    if np.abs(basis - exact).max() > 1e-6:
        raise SystemExit("this model's spectrum is not the one that is split here")

    sound = graph.node("Cast", "window", to=TensorProto.FLOAT)
    end = CONTEXT + WINDOW
    mirrored = graph.cut(sound, end - 2, end - 2 - 64, -1)
    blocks = graph.shape(graph.join(sound, mirrored), -1, 5, HOP)
    scaled = hann / 32_768
    first = graph.node("Mul", graph.cut(blocks, 0, 4), graph.constant(scaled[:HOP]))
    second = graph.node("Mul", graph.cut(blocks, 1, 5), graph.constant(scaled[HOP:]))
    powers, order = [], []
    for combine, start in (("Add", 0), ("Sub", 1)):
        bins = np.arange(start, BINS, 2)
        half = 2 * np.pi * np.arange(HOP)[:, None] * bins / FRAME
        folded = graph.shape(graph.node(combine, first, second), -1, HOP)
        transform = graph.constant(np.concatenate([np.cos(half), -np.sin(half)], axis=1))
        parts = graph.split(graph.node("MatMul", folded, transform), len(bins), len(bins))
        powers.append(graph.node("Add", *(graph.node("Mul", part, part) for part in parts)))
        order.append(bins)
    return graph.node("Sqrt", graph.join(*powers)), np.concatenate(order)


def encoder(
    graph: Graph, magnitudes: str, bins: npt.NDArray[np.int64], weights: dict[str, Array]
) -> str:
    """Features [n, 128]."""

    def layer(i: int) -> tuple[Array, str]:
        name = f"model.encoder.{i}.reparam_conv"
        return weights[f"{name}.weight"], graph.constant(weights[f"{name}.bias"])

    def taps(weight: Array, *which: int) -> str:
        return graph.constant(np.concatenate([weight[:, :, tap].T for tap in which]))

    weight, bias = layer(0)
    weight = weight[:, bins]
    every = taps(weight, 0, 1, 2)
    frames = graph.shape(magnitudes, -1, 4 * BINS)
    out = [
        graph.dense(graph.cut(frames, 0, 2 * BINS), taps(weight, 1, 2), bias),
        graph.dense(graph.cut(frames, 0, 3 * BINS), every, bias),
        graph.dense(graph.cut(frames, BINS, 4 * BINS), every, bias),
        graph.dense(graph.cut(frames, 2 * BINS, 4 * BINS), taps(weight, 0, 1), bias),
    ]
    weight, bias = layer(1)
    early = graph.dense(graph.join(*out[:2]), taps(weight, 1, 2), bias)
    late = graph.dense(graph.join(*out[1:]), taps(weight, 0, 1, 2), bias)
    weight, bias = layer(2)
    merged = graph.dense(graph.join(early, late), taps(weight, 1, 2), bias)
    weight, bias = layer(3)
    return graph.dense(merged, taps(weight, 1), bias)


def recurrent(graph: Graph, features: str, weights: dict[str, Array]) -> None:
    """The LSTM cell (gates in the order input, forget, cell, output) and the decoder."""
    rnn = "model.decoder.rnn"
    gate = np.arange(4 * HIDDEN).reshape(4, HIDDEN)
    order = gate[[0, 1, 3, 2]].ravel()  # the three sigmoid gates side by side
    weight = np.concatenate([weights[f"{rnn}.weight_ih"].T, weights[f"{rnn}.weight_hh"].T])
    bias = weights[f"{rnn}.bias_ih"] + weights[f"{rnn}.bias_hh"]
    hidden, cell = graph.split("state", HIDDEN, HIDDEN)
    gates = graph.node(
        "Gemm",
        graph.join(features, hidden),
        graph.constant(weight[:, order]),
        graph.constant(bias[order]),
    )
    open_, new = graph.split(gates, 3 * HIDDEN, HIDDEN)
    enter, keep, leave = graph.split(graph.node("Sigmoid", open_), HIDDEN, HIDDEN, HIDDEN)
    kept = graph.node("Mul", keep, cell)
    entered = graph.node("Mul", enter, graph.node("Tanh", new))
    cell = graph.node("Add", kept, entered)
    hidden = graph.node("Mul", leave, graph.node("Tanh", cell))
    graph.join(hidden, cell, name="next_state")
    decoder = "model.decoder.decoder.2"
    logit = graph.node(
        "Gemm",
        graph.node("Relu", hidden),
        graph.constant(weights[f"{decoder}.weight"][0]),
        graph.constant(weights[f"{decoder}.bias"]),
    )
    graph.node("Sigmoid", logit, name="probability")


def reference(original: Path) -> tuple[npt.NDArray[np.int16], Array, Array]:
    """Speech, noise, loud speech that clips, digital silence; and what the original says of it."""
    with wave.open(str(SPEECH)) as file:
        speech = np.frombuffer(file.readframes(28_672), np.int16)
    noise = (np.random.default_rng(6).standard_normal(20_480) * 900).astype(np.int16)
    loud = np.clip(speech[:16_384].astype(np.int32) * 8, -32_768, 32_767).astype(np.int16)
    pcm = np.concatenate([speech, noise, loud, np.zeros(16_384, np.int16)])
    session = onnxruntime.InferenceSession(original, providers=["CPUExecutionProvider"])
    state = np.zeros((2, 1, HIDDEN), np.float32)
    padded = np.concatenate([np.zeros(CONTEXT, np.int16), pcm]).astype(np.float32) / 32_768
    probabilities, states = [], []
    for start in range(0, len(pcm), WINDOW):
        window = padded[None, start : start + CONTEXT + WINDOW]
        rate = np.array(16_000, np.int64)
        probability, state = session.run(None, {"input": window, "state": state, "sr": rate})
        probabilities.append(probability[0, 0])
        states.append(state.reshape(2 * HIDDEN))
    return pcm, np.array(probabilities, np.float32), np.array(states[7::8], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("original", type=Path, help="silero_vad_16k_op15.onnx")
    original = parser.parse_args().original
    MODEL.parent.mkdir(exist_ok=True)
    MODEL.write_bytes(pack(onnx.load(original)).SerializeToString())
    REFERENCE.parent.mkdir(parents=True, exist_ok=True)
    pcm, probabilities, states = reference(original)
    np.savez_compressed(REFERENCE, pcm=pcm, probabilities=probabilities, states=states)
    print(f"{MODEL}: {MODEL.stat().st_size:,} bytes")
    print(f"{REFERENCE}: {REFERENCE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
