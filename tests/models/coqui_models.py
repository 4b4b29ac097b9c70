"""Makes a Coqui model at random, run in the environment that has coqui-tts: `python coqui_models.py KIND FOLDER`.

What it says is noise, but all of the package is real: text to ids, the model, Griffin-Lim or its own decoder. Models
are small, and their weights are scaled so that they make a sound that can be heard.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_SPEAKERS = ("Ann", "Bob", "Cid")
# Large enough that each part of the network is there.
_SMALL_VITS = {
    "hidden_channels": 32,
    "hidden_channels_ffn_text_encoder": 64,
    "num_layers_text_encoder": 2,
    "num_layers_posterior_encoder": 2,
    "num_layers_flow": 2,
    "upsample_initial_channel_decoder": 64,
    "init_discriminator": False,
}
_SMALL_XTTS = {
    "gpt_layers": 2,
    "gpt_n_model_channels": 64,
    "gpt_n_heads": 2,
    "gpt_max_audio_tokens": 80,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 64,
    "d_vector_dim": 16,
}
_PEAK = 0.5


def main(kind: str, folder: Path) -> None:
    """Write a `vits` that reads letters, one of `vits-ipa...` that read phonemes, a `tacotron2` or an `xtts`."""
    sys.path += [str(_ROOT / "pipelines" / "models"), str(_ROOT / "pipelines" / "tts")]
    if kind.startswith("vits-ipa"):
        importlib.import_module("export_coqui").stand_in_for_parts()
    else:
        importlib.import_module("coqui_worker").stand_in_for_recordings()
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    make = {"tacotron2": _tacotron2, "xtts": _xtts}.get(kind, _vits)
    make(kind, folder)


def _config(name: str) -> Any:
    words = {"vits": "Vits", "tacotron2": "Tacotron2", "xtts": "Xtts"}
    return getattr(importlib.import_module(f"TTS.tts.configs.{name}_config"), f"{words[name]}Config")


def _write(model: Any, config: Any, folder: Path, name: str = "model_file.pth") -> None:
    config.save_json(str(folder / "config.json"))
    importlib.import_module("torch").save({"model": model.state_dict()}, folder / name)


def _tacotron2(_kind: str, folder: Path) -> None:
    config = _config("tacotron2")(text_cleaner="english_cleaners", use_phonemes=False)
    # Untrained it never says that it is at the end.
    config.max_decoder_steps = 40
    model = importlib.import_module("TTS.tts.models.tacotron2").Tacotron2.init_from_config(config)
    _write(model, config, folder)


def _vits(kind: str, folder: Path) -> None:
    vits: Any = importlib.import_module("TTS.tts.models.vits")
    ipa = kind.startswith("vits-ipa")
    config = _config("vits")(
        text_cleaner="phoneme_cleaners" if ipa else "english_cleaners",
        use_phonemes=ipa,
        phonemizer="espeak" if ipa else None,
        phoneme_language="en-us" if ipa else None,
        enable_eos_bos_chars=kind == "vits-ipa-ends",
    )
    for name, size in _SMALL_VITS.items():
        setattr(config.model_args, name, size)
    if ipa and kind != "vits-ipa-ends":
        # As the package's own trained voices have it.
        config.characters = vits.VitsCharacters().to_config()
        config.characters.characters_class = "TTS.tts.models.vits.VitsCharacters"
    if kind == "vits-ipa-speakers":
        names = folder / "speaker_ids.json"
        names.write_text(json.dumps({name: number for number, name in enumerate(_SPEAKERS)}), encoding="utf-8")
        config.use_speaker_embedding = config.model_args.use_speaker_embedding = True
        config.speakers_file = config.model_args.speakers_file = str(names)
    model = vits.Vits(config)
    _make_heard(model)
    _write(model, model.config, folder)


def _make_heard(model: Any) -> None:
    """Fill what a network in training begins with as nothing, and have the decoder speak up."""
    torch: Any = importlib.import_module("torch")
    with torch.no_grad():
        for weights in model.parameters():
            if not torch.any(weights):
                weights.normal_(0.0, 0.05)
        model.eval()
        ids = torch.randint(1, 60, (1, 80))
        speakers = torch.LongTensor([0]) if model.num_speakers else None
        told = dict.fromkeys(("x_lengths", "d_vectors", "language_ids", "durations"))
        wave = model.inference(ids, {**told, "speaker_ids": speakers})["model_outputs"]
        model.waveform_decoder.conv_post.weight.mul_(_PEAK / float(wave.abs().max()))


def _xtts(_kind: str, folder: Path) -> None:
    torch: Any = importlib.import_module("torch")
    tokenizers: Any = importlib.import_module("tokenizers")
    special = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[START]"]
    letters = [*special, *"abcdefghijklmnopqrstuvwxyz.,'?!"]
    numbers = {letter: number for number, letter in enumerate(letters)}
    vocabulary = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=numbers, merges=[], unk_token="[UNK]"))
    vocabulary.add_special_tokens(special)
    vocabulary.save(str(folder / "vocab.json"))
    config = _config("xtts")()
    for name, size in _SMALL_XTTS.items():
        setattr(config.model_args, name, size)
    xtts: Any = importlib.import_module("TTS.tts.models.xtts")
    model = xtts.Xtts(config)
    model.tokenizer = importlib.import_module("TTS.tts.layers.xtts.tokenizer").VoiceBpeTokenizer(
        vocab_file=folder / "vocab.json"
    )
    model.init_models()
    with torch.no_grad():
        # Untrained it may say at any moment that it is at the end.
        model.gpt.mel_head.bias[config.model_args.gpt_stop_audio_token] = -100.0
    speakers = {
        name: {"gpt_cond_latent": torch.randn(1, 32, 64), "speaker_embedding": torch.randn(1, 16, 1)}
        for name in _SPEAKERS
    }
    torch.save(speakers, folder / "speakers_xtts.pth")
    _write(model, config, folder, "model.pth")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
