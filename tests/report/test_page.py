"""Data and texts of a page."""

from types import SimpleNamespace

import pytest

from popclass.report.page import lead

CLASSES = ("cavitation", "snapping", "other", "clunk")


def result(*labels):
    return SimpleNamespace(classes=CLASSES, events=[SimpleNamespace(label=label) for label in labels])


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([], ""),
        (["other"], "popclass found nothing that sounds like a joint, only 1 other or unclear sound."),
        (["cavitation"], "popclass found what sounds like 1 joint crack (cavitation)."),
        (
            ["snapping", "snapping", "cavitation", "clunk", "uncertain", "other"],
            "popclass found what sounds like 1 joint crack (cavitation), 2 tendon snaps (snapping) and 1 clunk, "
            "besides 2 other or unclear sounds.",
        ),
    ],
)
def test_lead(labels, text):
    assert lead([result(*labels)]) == text


def test_lead_several_recordings():
    assert lead([result("cavitation"), result("cavitation")]).startswith(
        "popclass found what sounds like 2 joint cracks"
    )
