"""The store of card texts as vectors, in which the patient looks up what it was asked: made once, kept in files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from pipelines.intent.card_index import examples_of
from pipelines.intent.encoder import encoder_digest
from pipelines.intent.vectors import Remembering, Vectoriser, kept_vectors
from pipelines.patient.card import Card

# Vectors of one text that differ by less are the same: processors round differently.
ALIKE = 1e-2


class CardStore:
    """Keeps the vectors of cards beside the models; `encoder` is the folder of the encoder that makes them."""

    def __init__(self, encoder: Path) -> None:
        self._encoder = encoder

    def digest(self, card: Card) -> str:
        """Return the sha256 of what is looked up for this card: its texts, and all that makes them vectors."""
        made_from = hashlib.sha256(encoder_digest(self._encoder).encode())
        for texts in examples_of(card):
            for item, text in texts:
                made_from.update(f"{item} {text}\n".encode())
        return made_from.hexdigest()

    def is_kept(self, card: Card) -> bool:
        """Tell whether the vectors of the card as it is are in the store."""
        return self._file(card).is_file()

    def holds(self, card: Card, vectoriser: Vectoriser) -> bool:
        """Tell whether the store holds what is made of the card's texts now: they are all made anew."""
        kept = kept_vectors(self._file(card))
        texts = texts_of(card)
        if not kept.keys() >= set(texts):
            return False
        return bool(np.allclose([kept[text] for text in texts], vectoriser.encode(texts), atol=ALIKE))

    def refresh(self, card: Card, vectoriser: Vectoriser) -> None:
        """Make the card's vectors anew and keep them."""
        file = self._file(card)
        file.unlink(missing_ok=True)
        made = Remembering(vectoriser, file)
        made.encode(texts_of(card))
        made.keep()

    def remembering(self, vectoriser: Vectoriser, card: Card) -> Remembering:
        """Return what makes the card's vectors, and remembers those that are in the store."""
        return Remembering(vectoriser, self._file(card))

    def _file(self, card: Card) -> Path:
        return vectors_folder(self._encoder) / "cards" / card.id / f"{self.digest(card)[:16]}.npz"


def texts_of(card: Card) -> list[str]:
    """Return the texts that are looked up for a card, each once."""
    questions, said = examples_of(card)
    return list(dict.fromkeys(text for _, text in (*questions, *said)))


def vectors_folder(encoder: Path) -> Path:
    """Return where vectors of this encoder are kept: beside the models."""
    return encoder.parent / ".vectors" / encoder.name
