"""Silero VAD v6 over a whole batch of windows, by onnxruntime.

The network is the original's, weights and all, written as a few large matrix products by
`tools/pack_silero.py`; probabilities differ from the original's by less than 1e-5.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnxruntime

WINDOW = 512
"""New samples that each probability is about: 32 ms at 16 kHz."""
CONTEXT = 64
"""Samples before the window that the network sees again."""
STATE = 256
"""Floats that the network keeps between the windows of one stream."""


class SileroModel:
    """The network and the arrays that it reads and writes, of which a batch uses the first rows.

    Used by one thread, the one that made it: onnxruntime sets that thread's floating-point mode
    to take denormal numbers as zero, which must not reach the rest of the process.
    """

    def __init__(self, max_batch: int) -> None:
        self.windows = np.zeros((max_batch, CONTEXT + WINDOW), np.int16)
        """In: 64 samples of context and 512 new ones a row."""
        self.states = np.zeros((max_batch, STATE), np.float32)
        """In: what `next_states` was for the stream's previous window; zeros at its beginning."""
        self.probabilities = np.zeros((max_batch, 1), np.float32)
        """Out: that the window holds voice, 0 to 1."""
        self.next_states = np.zeros((max_batch, STATE), np.float32)
        """Out."""
        self._session = _load()
        self._bindings: dict[int, onnxruntime.IOBinding] = {}

    def run(self, rows: int) -> None:
        """Compute the first `rows` rows. About 60 us, and 11 us a row."""
        binding = self._bindings.get(rows)
        if binding is None:
            binding = self._bindings[rows] = self._bind(rows)
        self._session.run_with_iobinding(binding)

    def _bind(self, rows: int) -> onnxruntime.IOBinding:
        """Names the arrays to onnxruntime once, which spares their conversion at each run."""
        binding = self._session.io_binding()
        for bind, name, array in (
            (binding.bind_input, "window", self.windows),
            (binding.bind_input, "state", self.states),
            (binding.bind_output, "probability", self.probabilities),
            (binding.bind_output, "next_state", self.next_states),
        ):
            bind(name, "cpu", 0, array.dtype.type, (rows, array.shape[1]), array.ctypes.data)
        return binding


def _load() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    model = files("greenroom.audio").joinpath("models", "silero_vad_16k.onnx").read_bytes()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
