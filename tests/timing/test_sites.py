"""Sites and the user's own sites."""

import subprocess
import sys

import pytest

from popclass.errors import UsageError
from popclass.timing import sites
from popclass.timing.sites import SITES, Site, check_cavities, describe, lookup, read_sites

CONTRACT = {
    **{"mcp": 1, "hand": 14, "wrist": 2, "elbow": 1, "shoulder": 1, "jaw": 2, "neck": 12, "thoracic": 24},
    **{"lumbar": 10, "si": 2, "hip": 1, "knee": 1, "ankle": 2, "toe": 1},
}


@pytest.fixture
def user_sites(tmp_path, monkeypatch):
    """Writes the user's file of sites and points popclass at it."""

    def write(text):
        path = tmp_path / "sites.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("POPCLASS_SITES", str(path))
        return path

    monkeypatch.setenv("POPCLASS_SITES", "")
    return write


def test_sites_table():
    assert {name: site.cavities for name, site in SITES.items()} == CONTRACT
    assert {site.refractory_s for site in SITES.values()} == {1200.0}


def test_sites_documented():
    documented = {name for name, site in SITES.items() if site.documented}
    assert documented == {"mcp", "hand", "neck", "thoracic", "lumbar"}


@pytest.mark.usefixtures("user_sites")
def test_lookup_any_case():
    assert lookup(" Hip ") == SITES["hip"]


@pytest.mark.usefixtures("user_sites")
def test_lookup_unknown_suggests():
    with pytest.raises(UsageError, match="did you mean 'shoulder'") as error:
        lookup("sholder")
    assert all(name in str(error.value) for name in CONTRACT)


@pytest.mark.usefixtures("user_sites")
def test_lookup_unknown_without_suggestion():
    with pytest.raises(UsageError) as error:
        lookup("xyzzy")
    assert "did you mean" not in str(error.value)


def test_user_site(user_sites):
    path = user_sites('[thumb]\ncavities = 2\nrefractory = "25min"\ndocumented = true\nnote = "MCP and IP"\n')
    assert lookup("thumb") == Site(
        "thumb", 2, refractory_s=1500.0, documented=True, note="MCP and IP", origin=str(path)
    )
    assert describe()[-1]["origin"] == str(path)
    assert len(describe()) == len(SITES) + 1


def test_user_site_defaults(user_sites):
    user_sites("[thumb]\ncavities = 2\n")
    assert lookup("thumb").refractory_s == 1200.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[thumb]\ncavities = 2\ncavitys = 3\n", "unknown key 'cavitys'.*allowed are cavities"),
        ("[thumb]\n", "cavities is missing"),
        ("[thumb]\ncavities = 0\n", "whole number from 1 to 1000"),
        ("[thumb]\ncavities = 2.0\n", "cavities = 2.0 is not allowed"),
        ("[thumb]\ncavities = true\n", "cavities = True is not allowed"),
        ("[thumb]\ncavities = 2\nrefractory = 20\n", "refractory = 20 is not allowed.*20min"),
        ('[thumb]\ncavities = 2\nrefractory = "20"\n', "is not a duration"),
        ("[neck]\ncavities = 2\n", "built in"),
        ("[Thumb]\ncavities = 2\n", "a name is"),
        ("thumb = 2\n", "not a table"),
        ("[thumb\n", "not TOML"),
    ],
)
def test_user_site_refused(user_sites, text, message):
    path = user_sites(text)
    with pytest.raises(UsageError, match=message) as error:
        lookup("neck")
    assert str(path) in str(error.value)


def test_read_sites_not_utf8(tmp_path):
    (tmp_path / "sites.toml").write_bytes(b"\xff\xfe[thumb]")
    with pytest.raises(UsageError, match="not TOML in UTF-8"):
        read_sites(tmp_path / "sites.toml")


def test_user_file_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("POPCLASS_SITES", str(tmp_path / "gone.toml"))
    with pytest.raises(UsageError, match=r"gone\.toml.*not a file"):
        lookup("hip")


def test_user_file_in_configuration_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("POPCLASS_SITES", raising=False)
    monkeypatch.setattr("click.get_app_dir", lambda name: str(tmp_path / name))
    assert sites.user_file() is None
    (tmp_path / "popclass").mkdir()
    (tmp_path / "popclass" / "sites.toml").write_text("[thumb]\ncavities = 2\n")
    assert lookup("thumb").cavities == 2


@pytest.mark.parametrize("cavities", [0, -1, 1001, 1.0, True, "2", None])
def test_check_cavities_refuses(cavities):
    with pytest.raises(UsageError, match="--cavities"):
        check_cavities(cavities, what="--cavities")


@pytest.mark.usefixtures("user_sites")
def test_describe_rows():
    rows = {row["site"]: row for row in describe()}
    assert rows["mcp"]["refractory"] == "20min"
    assert "unverified" in rows["hip"]["source"]
    assert all(isinstance(value, str) for row in rows.values() for value in row.values())


def test_sites_import_without_numpy():
    code = "import sys, popclass.timing.sites as s; s.describe(); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("word", "site"),
    [("knuckle", "mcp"), ("Knuckles", "mcp"), ("TMJ", "jaw"), ("lower back", "lumbar"), ("sacroiliac", "si")],
)
def test_lookup_synonym(word, site):
    assert lookup(word).name == site


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("back", "'lumbar' or 'thoracic' or 'neck'"),
        ("finger", "'mcp' or 'hand'"),
        ("hipp", "'hip'"),
        ("fot", "'ankle'"),
        ("left hip", "'hip'"),
        ("snapping-hip", "'hip'"),
        ("my back", "'lumbar' or 'thoracic' or 'neck'"),
    ],
)
def test_lookup_suggestion(word, hint):
    with pytest.raises(UsageError, match=f"did you mean {hint}"):
        lookup(word)


def test_lookup_user_site_before_synonym(tmp_path, monkeypatch):
    path = tmp_path / "sites.toml"
    path.write_text("[knuckle]\ncavities = 3\n")
    monkeypatch.setenv("POPCLASS_SITES", str(path))
    assert lookup("knuckle").cavities == 3


def test_synonyms_unique():
    words = [word for site in SITES.values() for word in (site.name, *site.synonyms)]
    assert len(words) == len(set(words))
