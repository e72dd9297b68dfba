"""popclass.timing.explanations: the sentence of a flag is true, whatever the timeline."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.results import CAVITATION, CONSISTENT, REFRACTORY, SNAPPING, UNCERTAIN, UNCHECKED
from popclass.timing.explanations import Neighbours, reasons, sentence
from popclass.timing.refractory import check, since_cavitation
from popclass.utils.duration import format_span

PERIOD = 10
events = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-4, 16).map(lambda w: w / 4), st.integers(1, 4), st.booleans()),
    max_size=9,
)
capacities = st.none() | st.integers(1, 3)


def told(case, capacity, price=1.0, period=PERIOD):
    """Verdict, labels and sentences of events (time, weight, burst, doubtful)."""
    columns = zip(*case, strict=True) if case else ([], [], [], [])
    time_s, weight, burst, doubtful = (list(column) for column in columns)
    verdict = check(time_s, weight, burst, capacity=capacity, refractory_s=period, price=price)
    labels = [
        UNCERTAIN if doubt else CAVITATION if is_one else SNAPPING
        for doubt, is_one in zip(doubtful, verdict.cavitation, strict=True)
    ]
    since = since_cavitation(time_s, burst, [label == CAVITATION for label in labels])
    said = reasons(
        *(time_s, burst, verdict.timing, verdict.takes_cavity, labels, since), capacity=capacity, refractory_s=period
    )
    return verdict, labels, since, said


@settings(max_examples=1500, deadline=None)
@given(events, st.integers(1, 3))
def test_what_a_sentence_claims_is_so(case, capacity):
    """Every claim is looked up among the events, by brute force; a sentence without a known claim fails."""
    verdict, labels, since, said = told(case, capacity)
    holders = [index for index, takes in enumerate(verdict.takes_cavity) if takes]
    for index, text in enumerate(said):
        time, _, own, _ = case[index]
        held = [at for at in holders if at != index and time - PERIOD < case[at][0] <= time]
        here = [at for at in held if case[at][2] == own]
        later = [at for at in holders if time < case[at][0] < time + PERIOD]
        near = [at for at in holders if at != index and abs(case[at][0] - time) < PERIOD]
        doubted = any(labels[at] == UNCERTAIN for at in (held if len(held) >= capacity else near))
        assert "None" not in text
        if verdict.timing[index] == UNCHECKED:
            assert text == ""
        elif verdict.timing[index] == CONSISTENT:
            if found := re.fullmatch(r"with it (\d) of (\d) joint cavities are in use", text):
                assert (int(found[1]), int(found[2])) == (len(held) + 1, capacity)
                assert len(held) + 1 <= capacity
            elif found := re.fullmatch(r"(.*) after the last", text):
                assert found[1] == format_span(since[index])
                assert since[index] >= PERIOD
                assert not held
            elif found := re.fullmatch(r"the crack (.*) before it found no joint cavity free", text):
                assert found[1] == format_span(since[index])
                assert since[index] < PERIOD
            else:
                assert (text, since[index], held) == ("", None, [])
        else:
            claim, _, ending = text.rpartition("; ")
            assert ending == {
                CAVITATION: "the other evidence outweighs it",
                SNAPPING: "more likely soft tissue",
                UNCERTAIN: "left uncertain",
            }.get(labels[index])
            possible = r"possible " if doubted else ""
            if found := re.fullmatch(rf"(.*) after a {possible}crack, and the one joint cavity rests 10s", claim):
                (only,) = held
                assert capacity == 1
                assert case[only][2] != own
                assert found[1] == format_span(time - case[only][0])
            elif re.fullmatch(rf"all {capacity} joint cavities are held by {possible}cracks of the last 10s", claim):
                assert len(held) == capacity > 1
                assert not here
            elif claim == f"more crack-like sounds in this burst than joint cavities ({capacity})":
                assert len(here) + 1 > capacity
            elif found := re.fullmatch(
                r"more crack-like sounds in this burst than free joint cavities \((\d) of (\d)\)", claim
            ):
                free = capacity - (len(held) - len(here))
                assert (int(found[1]), int(found[2])) == (free, capacity)
                assert len(here) + 1 > free
            elif found := re.fullmatch(rf"the one joint cavity goes to a {possible}crack (.*) later", claim):
                assert (capacity, held) == (1, [])
                assert found[1] == format_span(min(case[at][0] for at in later) - time)
            else:
                assert claim == f"the {capacity} joint cavities go to other {possible}cracks less than 10s away"
                assert len(near) >= capacity > len(held)


@settings(max_examples=1000, deadline=None)
@given(events)
def test_where_the_site_is_unknown_the_burst_that_took_the_joint_is_named(case):
    verdict, _, since, said = told(case, None)
    for index, text in enumerate(said):
        if verdict.timing[index] == CONSISTENT and since[index] is not None:
            span = format_span(since[index])
            free, taken = f"{span} after the last", f"the crack {span} before it found no joint cavity free"
            assert text == (free if since[index] >= PERIOD else taken)
        if verdict.timing[index] != REFRACTORY:
            continue
        starts = {}
        for (time, weight, burst, _), takes in zip(case, verdict.takes_cavity, strict=True):
            if weight > 0:
                start, held = starts.get(burst, (time, False))
                starts[burst] = (min(time, start), held or bool(takes))
        own = starts[case[index][2]][0]
        last = max(start for burst, (start, held) in starts.items() if held and start <= own)
        assert own - last < PERIOD
        crack = re.fullmatch(
            r"this burst came (.*) after one with (a|a possible) crack, and one joint, which rests 10s, is assumed at "
            r"an unknown site",
            text,
        )
        assert crack is not None, text
        assert crack[1] == format_span(own - last)


def test_a_second_crack_of_a_burst_is_not_told_by_the_minutes_since_the_burst_before():
    """One knuckle, 3 min: the cavity was taken 6 ms earlier, though the burst before was 5 min ago."""
    case = [(0.0, 3.0, 1, False), (300.0, 3.0, 2, False), (300.006, 1.0, 2, False)]
    verdict, _, since, said = told(case, 1, price=1.75, period=180)
    assert verdict.timing == (CONSISTENT, CONSISTENT, REFRACTORY)
    assert since[2] == pytest.approx(300.006)
    assert said[2] == "more crack-like sounds in this burst than joint cavities (1); more likely soft tissue"
    assert said[1] == "5.0 min after the last"


def test_a_span_never_reaches_the_period_it_lies_in():
    said = told([(0.0, 3.0, 1, False), (1199.99, 1.0, 2, False)], 1, price=1.75, period=1200)[3]
    assert said[1].startswith("19.9 min after a crack, and the one joint cavity rests 20min")


def test_a_clearer_crack_later_is_named():
    said = told([(0.0, 0.5, 1, False), (240.0, 1.2, 2, True)], 1, price=1.75, period=1200)[3]
    assert said[0] == "the one joint cavity goes to a possible crack 4.0 min later; more likely soft tissue"


@pytest.mark.parametrize(
    ("label", "ending"), [("other", "more likely something else"), ("crepitus", "more likely crepitus")]
)
def test_any_class_can_be_what_is_more_likely(label, ending):
    text = sentence(REFRACTORY, label, Neighbours(before=1, last_s=60.0), capacity=1, refractory_s=1200)
    assert text == f"1.0 min after a crack, and the one joint cavity rests 20min; {ending}"
