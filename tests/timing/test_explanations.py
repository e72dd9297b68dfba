"""Explanations of timing flags."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing_outcome import outcome

from popclass.schema import CAVITATION, CONSISTENT, REFRACTORY, SNAPPING, UNCERTAIN, UNCHECKED
from popclass.timing.explanations import reasons
from popclass.timing.refractory import since_cavitation
from popclass.utils.duration import format_span

PERIOD = 10
events = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-4, 16).map(lambda w: w / 4), st.integers(1, 4), st.booleans()),
    max_size=9,
)
capacities = st.none() | st.integers(1, 3)


def explain(case, capacity, price=1.0, period=PERIOD, count_by="pop"):
    """Return outcome, labels, seconds and sentences of events (time, weight, burst, uncertain)."""
    columns = zip(*case, strict=True) if case else ([], [], [], [])
    time_s, weight, burst, uncertain = (list(column) for column in columns)
    options = {"capacity": capacity, "refractory_s": period, "count_by": count_by}
    result = outcome(time_s, weight, burst, price=price, **options)
    labels = [
        UNCERTAIN if unclear else CAVITATION if is_one else SNAPPING
        for unclear, is_one in zip(uncertain, result.cavitation, strict=True)
    ]
    since = since_cavitation(time_s, burst, [label == CAVITATION for label in labels])
    sentences = reasons(time_s, burst, result.timing, result.takes_cavity, labels, since, **options)
    return result, labels, since, sentences


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(events, st.integers(1, 3))
def test_reasons_brute_force(case, capacity):
    """Every claim is looked up among the events, by brute force; a sentence without a known claim fails."""
    result, labels, since, sentences = explain(case, capacity)
    holders = [index for index, takes in enumerate(result.takes_cavity) if takes]
    for index, text in enumerate(sentences):
        time, _, own, _ = case[index]
        held = [at for at in holders if at != index and time - PERIOD < case[at][0] <= time]
        here = [at for at in held if case[at][2] == own]
        later = [at for at in holders if time < case[at][0] < time + PERIOD]
        near = [at for at in holders if at != index and abs(case[at][0] - time) < PERIOD]
        uncertain = any(labels[at] == UNCERTAIN for at in (held if len(held) >= capacity else near))
        assert "None" not in text
        if result.timing[index] == UNCHECKED:
            assert text == ""
        elif result.timing[index] == CONSISTENT:
            if found := re.fullmatch(r"(\d) of (\d) joint cavities in use, including this one", text):
                assert (int(found[1]), int(found[2])) == (len(held) + 1, capacity)
                assert len(held) + 1 <= capacity
            elif found := re.fullmatch(r"(.*) after the last", text):
                assert found[1] == format_span(since[index])
                assert since[index] >= PERIOD
                assert not held
            elif found := re.fullmatch(r"no joint cavity was free for the cavitation (.*) before it", text):
                assert found[1] == format_span(since[index])
                assert since[index] < PERIOD
            else:
                assert (text, since[index], held) == ("", None, [])
        else:
            claim, _, ending = text.rpartition("; ")
            assert ending == {
                CAVITATION: "other evidence outweighs this",
                SNAPPING: "more likely soft tissue",
                UNCERTAIN: "label uncertain",
            }.get(labels[index])
            possible = r"possible " if uncertain else ""
            if found := re.fullmatch(
                rf"(.*) after a {possible}cavitation, which makes the one joint cavity refractory for 10s", claim
            ):
                (only,) = held
                assert capacity == 1
                assert case[only][2] != own
                assert found[1] == format_span(time - case[only][0])
            elif claim == f"all {capacity} joint cavities are refractory after {possible}cavitations in the last 10s":
                assert len(held) == capacity > 1
                assert not here
            elif claim == f"more possible cavitations in this burst than joint cavities ({capacity})":
                assert len(here) + 1 > capacity
            elif found := re.fullmatch(
                r"more possible cavitations in this burst than free joint cavities \((\d) of (\d)\)", claim
            ):
                free = capacity - (len(held) - len(here))
                assert (int(found[1]), int(found[2])) == (free, capacity)
                assert len(here) + 1 > free
            elif found := re.fullmatch(rf"the one joint cavity is needed for a {possible}cavitation (.*) later", claim):
                assert (capacity, held) == (1, [])
                assert found[1] == format_span(min(case[at][0] for at in later) - time)
            else:
                others = f"other {possible}cavitations less than 10s away"
                assert claim == f"the {capacity} joint cavities are needed for {others}"
                assert len(near) >= capacity > len(held)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(events)
def test_reasons_unknown_site(case):
    result, _, since, sentences = explain(case, None)
    for index, text in enumerate(sentences):
        if result.timing[index] == CONSISTENT and since[index] is not None:
            span = format_span(since[index])
            free, taken = f"{span} after the last", f"no joint cavity was free for the cavitation {span} before it"
            assert text == (free if since[index] >= PERIOD else taken)
        if result.timing[index] != REFRACTORY:
            continue
        starts = {}
        for (time, weight, burst, _), takes in zip(case, result.takes_cavity, strict=True):
            if weight > 0:
                start, held = starts.get(burst, (time, False))
                starts[burst] = (min(time, start), held or bool(takes))
        own = starts[case[index][2]][0]
        last = max(start for burst, (start, held) in starts.items() if held and start <= own)
        assert own - last < PERIOD
        found = re.fullmatch(
            r"this burst came (.*) after one with (a|a possible) cavitation; "
            r"at an unknown site one joint is assumed, refractory for 10s",
            text,
        )
        assert found is not None, text
        assert found[1] == format_span(own - last)


def test_reasons_second_pop_of_burst():
    """One knuckle, 3 min: the cavity was taken 6 ms earlier, though the burst before was 5 min ago."""
    case = [(0.0, 3.0, 1, False), (300.0, 3.0, 2, False), (300.006, 1.0, 2, False)]
    result, _, since, sentences = explain(case, 1, price=1.75, period=180)
    assert result.timing == (CONSISTENT, CONSISTENT, REFRACTORY)
    assert since[2] == pytest.approx(300.006)
    assert sentences[2] == "more possible cavitations in this burst than joint cavities (1); more likely soft tissue"
    assert sentences[1] == "5.0 min after the last"


def test_reasons_span_below_period():
    sentences = explain([(0.0, 3.0, 1, False), (1199.99, 1.0, 2, False)], 1, price=1.75, period=1200)[3]
    assert sentences[1].startswith("19.9 min after a cavitation, which makes the one joint cavity refractory for 20min")


def test_reasons_clearer_cavitation_later():
    sentences = explain([(0.0, 0.5, 1, False), (240.0, 1.2, 2, True)], 1, price=1.75, period=1200)[3]
    assert (
        sentences[0]
        == "the one joint cavity is needed for a possible cavitation 4.0 min later; more likely soft tissue"
    )


@pytest.mark.parametrize(
    ("label", "ending"), [("other", "more likely another sound"), ("crepitus", "more likely crepitus")]
)
def test_reasons_more_likely_class(label, ending):
    timing, since = (CONSISTENT, REFRACTORY), (None, 60.0)
    _, text = reasons(
        *([0.0, 60.0], [1, 2], timing, [True, False], [CAVITATION, label], since), capacity=1, refractory_s=1200
    )
    cavity = "which makes the one joint cavity refractory for 20min"
    assert text == f"1.0 min after a cavitation, {cavity}; {ending}"


def test_reasons_by_burst():
    """Every pop of a burst has the sentence of its first candidate; the burst itself uses one joint cavity."""
    case = [(0.0, 3.0, 1, False), (0.03, 3.0, 1, False), (100.0, 3.0, 2, False), (100.03, 1.0, 2, False)]
    result, _, _, sentences = explain(case, 2, period=180, count_by="burst")
    assert result.takes_cavity.tolist() == [True, False, True, False]
    assert sentences == ("", "", *["2 of 2 joint cavities in use, including this one"] * 2)
    result, _, _, sentences = explain(case, 1, price=1.75, period=180, count_by="burst")
    assert result.timing == (CONSISTENT, CONSISTENT, REFRACTORY, REFRACTORY)
    assert all(
        each.startswith("1.6 min after a cavitation, which makes the one joint cavity") for each in sentences[2:]
    )
