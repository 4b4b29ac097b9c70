"""The only module that touches espeak-ng: a shared library loaded at run time through ctypes.

espeak-ng is licensed GPL-3.0 and is neither copied nor linked here; whoever must do without it removes the
`espeakng-loader` package and chooses another synthesiser. The library is one global instance per process and is not
thread-safe: two concurrent calls crash it, and a second initialisation silently spoils its audio. Hence one lazily made
`Espeak` per process, reached only through `instance()`, and one lock around every call.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass

import numpy as np

from audio.frames import Pcm
from common.errors import EngineError

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_BUFFER_MS = 60
# Without this the library ends the process when its data is missing.
_NO_EXIT_ON_ERROR = 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_EVENT_END_OF_LIST = 0
_EVENT_WORD = 1
_PARAMETER_RATE = 1
_PARAMETER_VOLUME = 2
_PARAMETER_PITCH = 3
_PARAMETER_RANGE = 4
_PARAMETER_WORD_GAP = 7
_PHONEMES_IPA = 0x02
_VOLUME = 100  # percent of the library's own; above that it clips
# The library's default is set every time, because parameters outlive a change of voice.
_PITCH_RANGE = 50
MIN_RATE = 80  # the library raises anything lower to this
MAX_RATE = 450


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class WordEvent:
    """Where a word starts: `offset` and `length` in characters of the text, `sample` at the library's rate."""

    offset: int
    length: int
    sample: int


@dataclass(frozen=True, slots=True, eq=False)
class SpokenText:
    """What the library made of a text: int16 mono of shape (n,) at `rate_hz`, and its word events in order."""

    samples: Pcm
    rate_hz: int
    events: tuple[WordEvent, ...]


class Espeak:
    """The library, initialised; use `instance()` to get it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._library = _load()
        import espeakng_loader

        data_path = str(espeakng_loader.get_data_path()).encode()  # type: ignore[no-untyped-call]
        rate_hz = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data_path, ctypes.c_int(_NO_EXIT_ON_ERROR)
        )
        if rate_hz <= 0:
            raise EngineError(f"espeak-ng could not be initialised (code {rate_hz}); reinstall espeakng-loader")
        self.rate_hz: int = rate_hz
        self._blocks: list[Pcm] = []
        self._events: list[WordEvent] = []
        self._callback = _Callback(self._receive)  # kept: the library holds only a bare pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def synthesise(self, text: str, *, voice: str, rate: int, pitch: int, word_gap: int = 0) -> SpokenText:
        """Speak `text` and return its audio.

        `rate` is the library's own number (80 to 450, not words per minute), `pitch` 0 to 99, `word_gap` in 10 ms.
        Raises EngineError when the library refuses the voice, a parameter or the text.
        """
        data = _printable(text).encode()
        with self._lock:
            self._set_voice(voice)
            for parameter, value in (
                (_PARAMETER_RATE, rate),
                (_PARAMETER_VOLUME, _VOLUME),
                (_PARAMETER_PITCH, pitch),
                (_PARAMETER_RANGE, _PITCH_RANGE),
                (_PARAMETER_WORD_GAP, word_gap),
            ):
                code = self._library.espeak_SetParameter(parameter, value, 0)
                if code != 0:
                    raise EngineError(f"espeak-ng refused {value} for parameter {parameter} (code {code})")
            self._blocks, self._events = [], []
            code = self._library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
            if code != 0:
                raise EngineError(f"espeak-ng could not speak the text (code {code}); try again")
            samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.int16)
            return SpokenText(samples=samples, rate_hz=self.rate_hz, events=tuple(self._events))

    def phonemes(self, text: str, *, voice: str) -> list[str]:
        """Return the text's phonemes as IPA strings, stress marks included, without word boundaries."""
        parts = self._read(text, voice, _PHONEMES_IPA | (ord("_") << 8))
        return [piece for part in parts for piece in part.replace(" ", "_").split("_") if piece]

    def ipa(self, text: str, *, voice: str) -> str:
        """Return the text in IPA as it would be said: words apart by a space, but those that flow together joined."""
        return " ".join(part.strip() for part in self._read(text, voice, _PHONEMES_IPA) if part.strip())

    def _read(self, text: str, voice: str, mode: int) -> list[str]:
        buffer = ctypes.create_string_buffer(_printable(text).encode())
        position = ctypes.c_void_p(ctypes.addressof(buffer))
        parts: list[str] = []
        with self._lock:
            self._set_voice(voice)
            while position.value:
                # One call per clause; the library moves the pointer on and sets it to NULL at the end.
                part = self._library.espeak_TextToPhonemes(ctypes.byref(position), _CHARS_UTF8, mode)
                if part:
                    parts.append(part.decode())
        return parts

    def _set_voice(self, voice: str) -> None:
        code = self._library.espeak_SetVoiceByName(voice.encode())
        if code != 0:
            # The library would go on with the voice before, so that a patient would speak with another's.
            raise EngineError(f"espeak-ng has no voice '{voice}' (code {code}); choose another accent")

    def _receive(self, samples: object, count: int, events: object) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, shape=(count,)).astype(np.int16, copy=True))
        index = 0
        while (event := events[index]).type != _EVENT_END_OF_LIST:  # type: ignore[index]
            if event.type == _EVENT_WORD:
                self._events.append(WordEvent(event.text_position - 1, event.length, event.sample))
            index += 1
        return 0


_instance: Espeak | None = None
_instance_lock = threading.Lock()


def instance() -> Espeak:
    """Return this process's only espeak-ng, initialising it at the first call; raises EngineError."""
    global _instance
    with _instance_lock:
        if _instance is None:
            _instance = Espeak()
        return _instance


def _load() -> ctypes.CDLL:
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())  # type: ignore[no-untyped-call]
    except (ImportError, OSError) as error:
        raise EngineError("espeak-ng could not be loaded; install the package espeakng-loader") from error
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetSynthCallback.argtypes = [_Callback]
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return library


def _printable(text: str) -> str:
    """Return `text` of the same length with control characters as spaces: a NUL would cut the text short."""
    return "".join(character if character.isprintable() else " " for character in text)
