"""Builds a Whisper model that fits in a few megabytes and always says one sentence.

Real in everything but its weights: CTranslate2's format, a byte-level tokenizer, the model's own
special tokens. Its decoder is a chain: each token's embedding points at the token after it. It says
what it was built to say of any sound.
"""

from __future__ import annotations

import itertools
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
)  # fmt: skip
_TIMESTAMPS = 5
_MELS, _FRAMES, _PLACES = 80, 1_500, 448


def build(folder: Path, says: str, *, sure: float = 14.0, silent: bool = False) -> Path:
    """Write the model. `sure`: the logit of the right token; `silent`: it hears no speech."""
    folder.mkdir(parents=True)
    tokenizer = _tokenizer(says)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    tokens += [f"<|{i * 0.02:.2f}|>" for i in range(_TIMESTAMPS)]
    chain = _chain(tokenizer, says, silent=silent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ctranslate2.specs import WhisperSpec

        spec = WhisperSpec(1, 1, 1, 1)
    _fill(spec, tokens, chain, sure)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokenizer.token_to_id("<|en|>")]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    features = {"feature_size": _MELS, "sampling_rate": 16_000, "n_fft": 400, "hop_length": 160}
    (folder / "preprocessor_config.json").write_text(json.dumps(features))
    return folder


def _tokenizer(says: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f" {says}"] * 4, trainer)
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer


def _chain(tokenizer: Tokenizer, says: str, *, silent: bool) -> dict[int, int]:
    """Which token follows which."""
    said = tokenizer.encode(f" {says}", add_special_tokens=False).ids
    assert len(set(said)) == len(said), "each token of the sentence must be another"
    name = tokenizer.token_to_id
    chain = dict(itertools.pairwise([name("<|notimestamps|>"), *said, name("<|endoftext|>")]))
    if silent:
        chain[name("<|startoftranscript|>")] = name("<|nospeech|>")
    return chain


def _fill(spec: Any, tokens: list[str], chain: dict[int, int], sure: float) -> None:
    size = -(-len(tokens) // 8) * 8
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight = np.zeros((size, _MELS, 3), np.float32)
    encoder.conv2.weight = np.zeros((size, size, 3), np.float32)
    for conv in (encoder.conv1, encoder.conv2):
        conv.bias = np.zeros(size, np.float32)
    encoder.position_encodings.encodings = np.zeros((_FRAMES, size), np.float32)
    decoder.position_encodings.encodings = np.zeros((_PLACES, size), np.float32)
    for layer in (*encoder.layer, *decoder.layer):
        attentions = [layer.self_attention]
        if hasattr(layer, "attention"):
            attentions.append(layer.attention)
        for attention in attentions:
            _norm(attention.layer_norm, size)
            is_self = attention is layer.self_attention
            widths = (3 * size, size) if is_self else (size, 2 * size, size)
            for linear, width in zip(attention.linear, widths, strict=True):
                _linear(linear, np.zeros((width, size), np.float32))
        _norm(layer.ffn.layer_norm, size)
        _linear(layer.ffn.linear_0, np.zeros((size, size), np.float32))
        _linear(layer.ffn.linear_1, np.zeros((size, size), np.float32))
    _norm(encoder.layer_norm, size)
    _norm(decoder.layer_norm, size)
    embeddings = np.eye(len(tokens), size, dtype=np.float32)
    decoder.embeddings.weight = embeddings
    projection = np.zeros((len(tokens), size), np.float32)
    for before, after in chain.items():
        # A one-hot vector of `size` has about the square root of that after normalisation.
        projection[after, before] = sure / np.sqrt(size)
    decoder.projection.weight = projection


def _norm(norm: Any, size: int) -> None:
    norm.gamma = np.ones(size, np.float32)
    norm.beta = np.zeros(size, np.float32)


def _linear(linear: Any, weight: np.ndarray) -> None:
    linear.weight = weight
    linear.bias = np.zeros(len(weight), np.float32)
