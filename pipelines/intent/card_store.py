"""The store of card texts as vectors, in which the patient looks up what it was asked: made once, kept in files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from pipelines.intent.card_index import examples_of
from pipelines.intent.encoder import encoder_digest, file_digest
from pipelines.intent.vectors import Remembering, Vectoriser, kept_vectors
from pipelines.patient.card import Card

# Vectors of one text that differ by less are the same: processors round differently.
ALIKE = 1e-2


class CardStore:
    """Keeps vectors beside the models; `encoder` is the folder of the encoder that makes them."""

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
        return self.card_file(card).is_file()

    def holds(self, card: Card, vectoriser: Vectoriser) -> bool:
        """Tell whether the store holds what is made of the card's texts now: they are all made anew."""
        kept = kept_vectors(self.card_file(card))
        texts = texts_of(card)
        if not kept.keys() >= set(texts):
            return False
        return bool(np.allclose([kept[text] for text in texts], vectoriser.encode(texts), atol=ALIKE))

    def refresh(self, card: Card, vectoriser: Vectoriser) -> None:
        """Make the card's vectors anew and keep them."""
        file = self.card_file(card)
        file.unlink(missing_ok=True)
        made = Remembering(vectoriser, file)
        made.encode(texts_of(card))
        made.keep()

    def card_file(self, card: Card) -> Path:
        """Return where the card's vectors are kept, whether or not they are there."""
        return vectors_folder(self._encoder) / "cards" / card.id / f"{self.digest(card)[:16]}.npz"

    def exemplars_file(self, exemplars: Path) -> Path:
        """Return where the vectors of a file of exemplars are kept: named after all that they are made from."""
        made_from = f"{encoder_digest(self._encoder)} {file_digest(exemplars)}"
        name = hashlib.sha256(made_from.encode()).hexdigest()[:16]
        return vectors_folder(self._encoder) / "exemplars" / f"{name}.npz"


def texts_of(card: Card) -> list[str]:
    """Return the texts that are looked up for a card, each once."""
    questions, said = examples_of(card)
    return list(dict.fromkeys(text for _, text in (*questions, *said)))


def vectors_folder(encoder: Path) -> Path:
    """Return where vectors of this encoder are kept: beside the models."""
    return encoder.parent / ".vectors" / encoder.name
