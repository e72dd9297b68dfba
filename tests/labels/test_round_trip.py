"""Labels that popclass wrote, read again and matched with the events of the same recordings."""

import csv
import io
import shutil
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from popclass.evaluation.matching import pair
from popclass.extraction import extract_events
from popclass.formats.write import write_results
from popclass.info import RecordingInfo
from popclass.labels import LabelledRecording, LabelRow, Labels, read_labels, write_raven, write_table, write_tracks
from popclass.labels.matching import match
from popclass.pipeline import classify, load_model
from popclass.results import RecordingResult
from popclass.synthesis import write_sessions
from popclass.synthesis.joints import Cavity
from popclass.synthesis.waves import Regime

RATE = 44_100
CLASSES = ("cavitation", "snapping", "other")
NAMES = ("cavitation", "snapping", "my-pop", "other", "snapping")  # neighbours differ, so that a swap shows


def thrust_samples(seed):
    """Six thrusts of six pops 6 ms apart, from sample positions whose seconds are rounded up and down."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 1e-3, 4 * RATE)
    for number in range(6):
        at = int((0.5 + 0.5 * number) * RATE) + int(rng.integers(100))
        for each in range(6):
            wave = Cavity(rng, RATE, Regime(), each, contact=True).pop()
            wave = 0.1 * rng.uniform(0.5, 1) * wave / np.abs(wave).max()
            samples[at : at + len(wave)] += wave[: len(samples) - at]
            at += int(0.006 * RATE) + int(rng.integers(8))
    return samples


@cache
def detect(path):
    return extract_events(path, load_model(None).frontend).events


def labelled_result(path, events, *, longest_s=0.05):
    """Return the events with a label each, and spans of 50 ms that overlap."""
    rate = events[0].sample_rate
    spans = [
        replace(event, end=event.onset + round(longest_s * rate), label=NAMES[i % len(NAMES)], p_label=0.9)
        for i, event in enumerate(events)
    ]
    info = RecordingInfo(str(path.name), rate, 1, 4.0)
    return RecordingResult(info, tuple(spans), CLASSES)


@pytest.fixture(scope="module", params=["generated", "real"])
def result(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    path = folder / "a.wav"
    if request.param == "real":
        shutil.copyfile(request.getfixturevalue("realdata") / "cracks" / "four_cracks.wav", path)
    else:
        soundfile.write(path, thrust_samples(0), RATE, subtype="FLOAT")
    return folder, labelled_result(path, detect(path))


def page_download(result):
    """Return the labels as a report page writes them: an event ends at the next onset at the latest."""
    rows = [("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")]
    for event, following in zip(result.events, (*result.events[1:], None), strict=True):
        end = event.end_s if following is None else min(event.end_s, following.start_s)
        rows.append((result.recording, f"{event.start_s:.6f}", f"{end:.6f}", event.label, "", "", ""))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def exported(kind, folder, result):
    """Write the labels of a result in one of the formats, and return what `read_labels` takes."""
    wav = folder / "a.wav"
    rows = tuple(LabelRow(each.start_s, each.end_s, each.label) for each in result.events)
    own = Labels((LabelledRecording(wav, "a.wav", rows),))
    if kind in ("audacity", "raven"):
        write_results([result], format=kind, target=folder / "a.txt")
        return folder / "a.txt"
    if kind == "csv":
        write_results([result], format="csv", target=folder / "events.csv")
        text = (folder / "events.csv").read_text()
        (folder / "renamed.csv").write_text(text.replace("recording,", "file,", 1))
        return folder / "renamed.csv"
    if kind == "page":
        (folder / "page.labels.csv").write_text(page_download(result))
        return folder / "page.labels.csv"
    writers = {"write_table": (write_table, "own.csv"), "write_tracks": (write_tracks, "a.txt")}
    writer, name = {**writers, "write_raven": (write_raven, "a.txt")}[kind]
    writer(own, folder / name, force=True)
    return folder / name


FORMATS = ("audacity", "raven", "csv", "page", "write_table", "write_tracks", "write_raven")


def test_pops_overlap(result):
    _, found = result
    gaps = [b.start_s - a.start_s for a, b in pairwise(found.events)]
    assert len(found.events) >= 2
    if len(found.events) > 20:  # generated
        assert sum(gap < 0.008 for gap in gaps) >= 15
        assert sum(a.end_s > b.start_s for a, b in pairwise(found.events)) >= 15


@pytest.mark.parametrize("kind", FORMATS)
def test_match_exported(result, kind):
    folder, found = result
    [recording] = read_labels(exported(kind, folder, found)).recordings
    matched = match(detect(folder / "a.wav"), recording)
    assert matched.labels == tuple(event.label for event in found.events)
    assert (matched.missed, matched.lost) == ((), ())


@pytest.mark.parametrize("kind", FORMATS)
def test_pair_exported(result, kind):
    folder, found = result
    [recording] = read_labels(exported(kind, folder, found)).recordings
    assert pair(recording.rows, detect(folder / "a.wav")) == [(i, i) for i in range(len(found.events))]


@pytest.mark.parametrize("kind", ["audacity", "raven", "csv", "write_table"])
def test_match_exported_deleted(result, kind):
    """Every second label is deleted; the others stay with their own sounds, also beside stronger ones."""
    folder, found = result
    some = replace(found, events=found.events[::2])
    [recording] = read_labels(exported(kind, folder, some)).recordings
    labels = match(detect(folder / "a.wav"), recording).labels
    assert labels[::2] == tuple(event.label for event in some.events)
    assert {*labels[1::2]} <= {None, "other"}
    assert pair(recording.rows, detect(folder / "a.wav")) == [(i, 2 * i) for i in range(len(some.events))]


def test_match_raven_sequence(result, tmp_path):
    """Times that run on from recording to recording return to those of each."""
    folder, found = result
    for name in ("a.wav", "b.wav"):
        shutil.copyfile(folder / "a.wav", tmp_path / name)
    second = replace(found, info=replace(found.info, name="b.wav"))
    first = replace(found, info=replace(found.info, duration_s=1.23456789))
    write_results([first, second], format="raven", target=tmp_path / "both.txt")
    for recording in read_labels(tmp_path / "both.txt").recordings:
        assert match(detect(recording.path), recording).labels == tuple(event.label for event in found.events)


def test_match_synth(tmp_path):
    """Every label of a generated session near an onset gets an event of its own, unless two share one onset."""
    folder = write_sessions(tmp_path / "synth", sessions=1, seed=5)
    rows = lost = 0
    for recording in read_labels(folder).recordings:
        events = detect(recording.path)
        matched = match(events, recording)
        rows += len(recording.rows)
        lost += sum(any(abs(event.start_s - row.start_s) <= 0.001 for event in events) for row in matched.lost)
    assert rows > 20
    assert lost == 0


def test_match_model_output(tmp_path):
    """The labels of the bundled model return to the same events through Audacity, but for those it does not name."""
    path = tmp_path / "a.wav"
    soundfile.write(path, thrust_samples(1), RATE, subtype="FLOAT")
    found = classify(path)
    named = replace(found, events=tuple(event for event in found.events if event.label != "uncertain"))
    write_results([named], format="audacity", target=tmp_path / "a.txt")
    [recording] = read_labels(path).recordings
    matched = match(found.events, recording, partial=True)
    given = [label for label, event in zip(matched.labels, found.events, strict=True) if event.label != "uncertain"]
    assert given == [event.label for event in named.events]
