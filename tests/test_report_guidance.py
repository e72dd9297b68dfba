"""The texts: complete, in the right order, with sources, and only where they belong."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.report.guidance import all_symptoms, check_symptom, guidance

NAMES = [symptom.name for symptom in all_symptoms()]
ORDER = ["emergency", "at-once", "soon"]
ASKED_FOR = {
    *("pain", "radiating-pain", "numbness", "tingling", "weakness", "instability", "locking", "swelling"),
    "bladder-or-bowel",
}


def test_the_symptoms_of_the_command_line_are_all_there() -> None:
    assert set(NAMES) >= ASKED_FOR
    assert len(set(NAMES)) == len(NAMES)


@given(st.lists(st.sampled_from(NAMES), unique=True))
def test_every_symptom_named_is_warned_of_and_the_urgent_come_first(named: list[str]) -> None:
    said = guidance(["lumbar"], named)
    levels = [level.name for level in said.warnings]
    assert levels == [name for name in ORDER if name in levels]
    assert {symptom.name for level in said.warnings for symptom in level.symptoms} == set(named)
    rest = {symptom.name for level in said.changes for symptom in level.symptoms}
    assert rest == set(NAMES) - set(named)


@pytest.mark.parametrize(
    ("symptom", "urgency"),
    [("bladder-or-bowel", "emergency"), ("numbness", "at-once"), ("radiating-pain", "at-once"), ("pain", "soon")],
)
def test_how_soon_is_what_the_sources_say(symptom: str, urgency: str) -> None:
    (level,) = guidance([None], [symptom]).warnings
    assert level.name == urgency


@pytest.mark.parametrize("site", ["lumbar", "si", "hip"])
def test_back_hip_and_pelvis_have_measures_of_two_sentences(site: str) -> None:
    said = guidance([site, "mcp"])
    assert said.measures is not None
    assert len(said.exercises) == 4
    assert all(len(re.findall(r"\.(?:\s|$)", exercise.text)) == 2 for exercise in said.exercises)
    assert any("adductors" in passage.text for passage in said.meaning)


@pytest.mark.parametrize("site", [None, "mcp", "jaw"])
def test_elsewhere_nothing_is_said_of_the_back(site: str | None) -> None:
    said = guidance([site])
    assert said.measures is None
    assert said.exercises == ()
    assert not any("adductors" in passage.text for passage in said.meaning)
    assert len(said.meaning) == 4


def test_every_fact_has_a_source_that_is_no_link() -> None:
    said = guidance(["lumbar"])
    passages = [*said.meaning, said.harmless, said.measures]
    sources = [*(passage.sources for passage in passages if passage), *(symptom.sources for symptom in all_symptoms())]
    assert all(sources)
    assert not any("://" in source for source in itertools.chain.from_iterable(sources))


@pytest.mark.parametrize(("given_name", "meant"), [("Pain", "pain"), ("bladder or bowel", "bladder-or-bowel")])
def test_a_symptom_is_known_however_it_is_spaced(given_name: str, meant: str) -> None:
    assert check_symptom(given_name) == meant


def test_an_unknown_symptom_is_one_line_with_the_names() -> None:
    with pytest.raises(UsageError) as caught:
        check_symptom("numbnes\n", what="--symptom")
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("--symptom 'numbnes\\n' is unknown: allowed are bladder-or-bowel, ")
    assert said.endswith("did you mean 'numbness'?")
