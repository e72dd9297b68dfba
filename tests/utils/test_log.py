"""Warnings through the logger."""

from popclass.utils.log import log_warnings


def test_log_warnings(caplog):
    log_warnings("a\n.wav", ["clipped"])
    assert caplog.messages == ["a\\n.wav: clipped"]


def test_log_warnings_silent(capfd):
    log_warnings("a.wav", ["clipped"])
    assert capfd.readouterr() == ("", "")
