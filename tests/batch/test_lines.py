"""Tests of popclass.batch.lines: lines are read back exactly, or refused."""

import pytest
from analyses import analyses, same_analysis
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import read_entries
from popclass.batch.lines import MALFORMED, from_line, seal, source_of, to_line, unseal, with_model
from popclass.utils.files import Stamp

sizes = st.integers(0, 2**60)
fingerprints = st.tuples(sizes, st.integers(0, 2**32 - 1))


@settings(deadline=None)
@given(analyses(), sizes, fingerprints)
def test_from_line_exact(analysis, size, fingerprint):
    line = to_line(analysis.info.name, analysis, Stamp(size, size), fingerprint)
    assert line.isascii()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    entry = from_line(line, classes=3)
    assert same_analysis(entry.analysis, analysis)
    assert (entry.stamp, entry.fingerprint) == (Stamp(size, size), fingerprint)


@settings(deadline=None)
@given(analyses(), st.data())
def test_from_line_damaged(analysis, draw):
    """A line with any other byte is refused."""
    line = to_line(analysis.info.name, analysis, Stamp(1, 1), (1, 1)).encode()
    at, change = draw.draw(st.integers(0, len(line) - 1)), draw.draw(st.integers(1, 255))
    changed = line[:at] + bytes([line[at] ^ change]) + line[at + 1 :]
    with pytest.raises(ValueError, match="damaged"):
        from_line(changed.decode("latin-1"), classes=3)


def test_from_line_question_mark():
    """A byte beyond ASCII in its place is no question mark."""
    line = seal({"recording": "what?.wav"})
    for other in ("\xbf", "\udcbf", "!"):
        with pytest.raises(ValueError, match="damaged: ValueError"):
            from_line(line.replace("?", other), classes=3)


@pytest.mark.parametrize("content", [{}, {"recording": "a.wav"}, {"piece": 1, "recorded_at": 5}, {"recorded_at": []}])
def test_from_line_foreign(content):
    """A valid checksum alone does not make a line of a recording."""
    with pytest.raises(ValueError, match="a journal line is damaged: "):
        from_line(seal(content), classes=3)


def test_from_line_older(tmp_path):
    """A line written when the events table had schema 1."""
    line = (
        '{"recording":"hip.wav","size":240044,"mtime_ns":1700000000000000000,"piece":[240044,123],"duration_s":2.5,'
        '"sample_rate":48000,"channels":1,"recorded_at":null,"warnings":["clipped"],'
        '"events":[[48000,48020,48300,1,24.5,-6.0,1],[49440,49450,49700,1,18.25,-9.5,1]],'
        '"acoustic":[[0.75,0.125,0.125],[0.5,0.25,0.25]],"believed":[[0.875,0.0625,0.0625],[0.5,0.25,0.25]],'
        '"novelty":[0.25,0.5],"crc":1034451689}\n'
    )
    entry = from_line(line, classes=3)
    analysis, stamp = entry.analysis, entry.stamp
    assert [event.onset for event in analysis.events] == [48_000, 49_440]
    assert analysis.contextual.tolist() == [[0.875, 0.0625, 0.0625], [0.5, 0.25, 0.25]]
    assert to_line("hip.wav", analysis, stamp, entry.fingerprint) == line
    (tmp_path / JOURNAL).write_text('{"journal":3}\n' + line)
    found = read_entries(tmp_path, classes=3)["hip.wav"]
    assert (found.stamp, found.fingerprint) == (stamp, entry.fingerprint)
    assert same_analysis(found.analysis, analysis)


@settings(max_examples=20, deadline=None)
@given(analyses())
def test_with_model(analysis):
    """The model is all that is added."""
    line = to_line(analysis.info.name, analysis, Stamp(1, 1), (1, 1))
    content = unseal(with_model(line, "abc"))
    content.pop("crc")
    assert content.pop("model") == "abc"
    assert seal(content) == line


@settings(max_examples=20, deadline=None)
@given(analyses(), fingerprints)
def test_source_of(analysis, fingerprint):
    source = source_of(unseal(to_line(analysis.info.name, analysis, Stamp(1, 1), fingerprint)))
    assert (source.name, source.fingerprint) == (analysis.info.name, fingerprint)
    assert source.sample_rate == analysis.info.sample_rate
    assert source.onsets == tuple(event.onset for event in analysis.events)


@pytest.mark.parametrize("line", ["", "\n", "{}\n", '{"crc":0}\n', "[]\n", seal({"a": 1})[:-1], seal({"a": 1}) + "\n"])
def test_unseal_damaged(line):
    with pytest.raises(MALFORMED):
        unseal(line)
