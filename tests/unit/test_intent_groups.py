"""How near texts are to groups of examples."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.intent.groups import NEAREST, SHARPNESS, Groups
from pipelines.intent.topics import TopicIndex


def test_one_example_says_how_near_a_group_is() -> None:
    nearness = Groups([0, 1]).nearness(np.array([[0.5, 0.1]]))
    assert nearness == pytest.approx(np.array([[0.5 * SHARPNESS, 0.1 * SHARPNESS]]))


def test_the_nearest_of_a_group_counts_most() -> None:
    both, near = Groups([0, 0, 1]).nearness(np.array([[0.9, 0.1, 0.9]]))[0]
    assert 0.9 * SHARPNESS - np.log(2) == pytest.approx(both, abs=1e-3)
    assert both < near


def test_examples_beyond_the_nearest_do_no_harm() -> None:
    near = [0.9, 0.8, 0.7, 0.6, 0.5]
    assert len(near) == NEAREST
    few = Groups([0] * NEAREST).nearness(np.array([near]))
    many = Groups([0] * (NEAREST + 20)).nearness(np.array([near + [0.1] * 20]))
    assert many == pytest.approx(few)


def test_groups_of_different_size_stand_beside_each_other() -> None:
    likeness = np.array([[0.2, 0.9, 0.9, 0.9, 0.3]])
    alone, three, one = Groups([0, 1, 1, 1, 2]).nearness(likeness)[0] / SHARPNESS
    assert (alone, three, one) == pytest.approx((0.2, 0.9, 0.3))


def test_a_share_of_a_topics_questions() -> None:
    index = TopicIndex.__new__(TopicIndex)
    index.groups = Groups([0, 0, 1])
    assert index.share(np.array([True, False, True])).tolist() == [0.5, 1.0]
