"""Libraries of the extras."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from popclass.errors import MissingLibraryError
from popclass.utils import extras

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_require_train_installed():
    extras.require_train("training")


@pytest.mark.parametrize(
    ("names", "shown"), [(("no_such_library",), "no_such_library"), (("a_1", "b_2", "c_3"), "a_1 and 2 more")]
)
def test_require_train_missing(monkeypatch, names, shown):
    monkeypatch.setattr(extras, "TRAIN", ("json", *names))
    with pytest.raises(MissingLibraryError) as error:
        extras.require_train("popclass train")
    assert str(error.value) == (
        f"popclass train needs libraries that are missing ({shown}): pip install 'popclass[train]'"
    )


def test_require_app_missing(monkeypatch):
    monkeypatch.setattr(extras, "APP", ("json", "no_such_library"))
    with pytest.raises(MissingLibraryError, match=r"pip install 'popclass\[app\]'"):
        extras.require_app("popclass app")


@pytest.mark.parametrize(("extra", "names"), [("train", extras.TRAIN), ("app", extras.APP)])
def test_names_are_those_of_the_extra(extra, names):
    """The names to import are those of the libraries that pyproject.toml lists."""
    if not PYPROJECT.is_file():
        pytest.skip("no pyproject.toml beside the tests")
    all_extras = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    listed = all_extras[extra] + (all_extras["train"] if "popclass[train]" in all_extras[extra] else [])
    wanted = {line.split(">")[0] for line in listed if not line.startswith("popclass")}
    found = packages_distributions()
    assert {found[name][0] for name in names} == wanted
