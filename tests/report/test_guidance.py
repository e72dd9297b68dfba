"""Guidance texts: completeness, order, sources and sites."""

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


def test_all_symptoms_names() -> None:
    assert set(NAMES) >= ASKED_FOR
    assert len(set(NAMES)) == len(NAMES)


@given(st.lists(st.sampled_from(NAMES), unique=True))
def test_guidance_warnings_order(named: list[str]) -> None:
    found = guidance(["lumbar"], named)
    levels = [level.name for level in found["warnings"]]
    assert levels == [name for name in ORDER if name in levels]
    assert {symptom.name for level in found["warnings"] for symptom in level.symptoms} == set(named)
    rest = {symptom.name for level in found["changes"] for symptom in level.symptoms}
    assert rest == set(NAMES) - set(named)


@pytest.mark.parametrize(
    ("symptom", "urgency"),
    [("bladder-or-bowel", "emergency"), ("numbness", "at-once"), ("radiating-pain", "at-once"), ("pain", "soon")],
)
def test_guidance_urgency(symptom: str, urgency: str) -> None:
    (level,) = guidance([None], [symptom])["warnings"]
    assert level.name == urgency


@pytest.mark.parametrize("site", ["lumbar", "si"])
def test_guidance_measures(site: str) -> None:
    found = guidance([site, "mcp"])
    assert found["measures"] is not None
    assert len(found["exercises"]) == 4
    assert all(len(re.findall(r"\.(?:\s|$)", exercise.text)) == 1 for exercise in found["exercises"])
    assert any("thighs" in passage.text for passage in found["meaning"])


@pytest.mark.parametrize("site", [None, "mcp", "jaw", "hip"])
def test_guidance_other_site(site: str | None) -> None:
    found = guidance([site])
    assert found["measures"] is None
    assert found["exercises"] == []
    assert not any("thighs" in passage.text for passage in found["meaning"])
    assert len(found["meaning"]) == 4


@pytest.mark.parametrize("site", ["mcp", "wrist", "knee", "jaw"])
def test_guidance_back_signs_other_site(site: str) -> None:
    found = guidance([site], ["numbness", "pain", "locking"])
    assert found["back_note"] is not None
    assert found["back_note"].startswith("These are signs of the back and the neck")
    fitting = [symptom for level in found["changes"] for symptom in level.symptoms]
    warned = {symptom.name: symptom for level in found["warnings"] for symptom in level.symptoms}
    assert [name for name, symptom in warned.items() if symptom.back] == ["numbness"]
    texts = [passage.text for passage in (*found["meaning"], found["harmless"])]
    texts += [symptom.text for symptom in (*fitting, warned["pain"], warned["locking"])]
    texts += [symptom.short for symptom in fitting]
    for word in ("the back", "a back", "leg", "facet", "spine", "saddle"):
        assert not [text for text in texts if word in text.lower()], word


@pytest.mark.parametrize("site", ["neck", "thoracic", "lumbar", "si"])
def test_guidance_back_site(site: str) -> None:
    found = guidance([site], ["numbness", "pain"])
    assert (found["back_signs"], found["back_note"], found["anywhere"]) == ([], None, False)
    assert "In the spine" in found["meaning"][0].text


@pytest.mark.parametrize("sites", [[None], ["wrist"], ["lumbar", "wrist"], [None, "lumbar"]])
def test_guidance_lists_all_signs(sites: list[str | None]) -> None:
    found = guidance(sites, ["pain"])
    listed = [symptom.name for level in (*found["changes"], *found["back_signs"]) for symptom in level.symptoms]
    assert sorted(listed) == sorted(set(NAMES) - {"pain"})
    assert found["anywhere"] == (None in sites)


def test_guidance_sources() -> None:
    found = guidance(["lumbar"])
    passages = [*found["meaning"], found["harmless"], found["measures"]]
    each = [*(passage.sources for passage in passages if passage), *(symptom.sources for symptom in all_symptoms())]
    sources = set(itertools.chain.from_iterable(each))
    assert len(sources) >= 5
    assert all(source.url is not None and source.url.startswith("https://") for source in sources)
    named = {passage.title: passage.sources for passage in passages if passage}
    assert [title for title, own in named.items() if not own] == [
        "Squeezing the legs together",
        "Exercises for a steadier pelvis",
    ]
    assert {symptom.name for symptom in all_symptoms() if not symptom.sources} == {"pain", "instability", "locking"}


@pytest.mark.parametrize(("given_name", "meant"), [("Pain", "pain"), ("bladder or bowel", "bladder-or-bowel")])
def test_check_symptom_spelling(given_name: str, meant: str) -> None:
    assert check_symptom(given_name) == meant


def test_check_symptom_unknown() -> None:
    with pytest.raises(UsageError) as caught:
        check_symptom("numbnes\n", what="--symptom")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("--symptom 'numbnes\\n' is unknown: allowed are bladder-or-bowel, ")
    assert message.endswith("did you mean 'numbness'?")
