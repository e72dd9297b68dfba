"""Coverage-guided fuzzing with atheris.

    python -m tests.robustness.fuzz.run labels --seconds 60

Without a name all targets run, each in a process of its own. Only popclass is instrumented. An input that violates an
invariant does not end the run: it is minimized and put into `build/fuzz/TARGET/`, named by exception and place; of
several with the same name the smallest stays. Move what was fixed to `tests/robustness/fuzz/found/TARGET/` under a
descriptive name; `tests/robustness/test_fuzz.py` replays it. Inputs that add coverage are kept in
`build/fuzz/corpus/TARGET/`, from which the next run starts.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "build" / "fuzz"
LARGEST = {"audio": 24_000, "headers": 8_192, "model": 4_096}
_LEFT_OUT = re.compile(
    r"popclass\.(cli|training|evaluation|synthesis|__main__|report\.(?!guidance)|batch\.(cluster|parquet))"
)
_PROGRESS = re.compile(r"#(\d+)\s+\S+\s+cov: (\d+) ft: (\d+)(?: corp: (\d+))?")
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")


def main(argv: list[str] | None = None) -> int:
    """Fuzz targets one after the other and print a line of figures for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="all of them by default")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.here:
        return fuzz(options.targets[0], options.seconds)
    from tests.robustness.fuzz.targets import TARGETS

    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    broken = 0
    for name in options.targets or TARGETS:
        broken += supervise(name, options.seconds)
    return 1 if broken else 0


def supervise(name: str, seconds: int) -> int:
    """Run a target in a process of its own; how many ways to violate an invariant it found."""
    corpus, found = OUT / "corpus" / name, OUT / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    log = OUT / f"{name}.log"
    with log.open("w") as file:
        command = [sys.executable, "-m", "tests.robustness.fuzz.run", name, "--seconds", str(seconds), "--here"]
        ended = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    text = log.read_text(errors="replace")
    last = (_PROGRESS.findall(text) or [("0", "0", "0", "0")])[-1]
    done = _DONE.search(text)
    runs, took = done.groups() if done else (last[0], "?")
    new = sorted(path.name for path in set(found.iterdir()) - before)
    kept = len(list(corpus.iterdir()))
    print(f"{name}: {runs} inputs in {took} s, cov {last[1]}, ft {last[2]}, corpus {kept}, exit {ended}")
    for each in new:
        print(f"    {found.relative_to(ROOT) / each}")
    sys.stdout.flush()
    return len(new) + (ended != 0)


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["popclass"]):
        import popclass

        for module in pkgutil.walk_packages(popclass.__path__, "popclass."):
            if not _LEFT_OUT.match(module.name):
                importlib.import_module(module.name)
        from tests.robustness.fuzz import targets

    known: dict[str, int] = {}

    def one(data: bytes) -> None:
        if (shown := outcome(name, data)) is not None and len(data) < known.get(shown, len(data) + 1):
            small = smaller(data, lambda part: outcome(name, part) == shown)
            known[shown] = len(small)
            (OUT / name / shown).write_bytes(small)

    corpus, seeds, found = OUT / "corpus" / name, targets.FOLDER / "seeds" / name, targets.FOLDER / "found" / name
    folders = [str(folder) for folder in (corpus, seeds, found) if folder.is_dir()]
    limits = [
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST.get(name, 2_048)}",
        "-timeout=120",
        "-rss_limit_mb=3000",
    ]
    atheris.Setup([sys.argv[0], *folders, *limits, f"-artifact_prefix={OUT / name}/native-"], one)
    atheris.Fuzz()
    return 0


def outcome(name: str, data: bytes) -> str | None:
    """A name for how an input violates an invariant; None where it keeps them all."""
    from tests.robustness.fuzz import targets

    try:
        targets.run(name, data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return described(error)
    return None


def described(error: BaseException) -> str:
    """The kind of an exception and the last place in popclass, or in the target, that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/popclass/" in frame.filename] or frames
    frame: Any = frames[-2] if type(error).__name__ == "BrokenError" else ours[-1]
    place = f"{Path(frame.filename).stem}.{frame.name}.{frame.lineno}".replace("<", "").replace(">", "")
    return f"{type(error).__name__}.{place}"


def smaller(data: bytes, still: Any, tries: int = 400) -> bytes:
    """A part of `data` for which `still` holds: pieces are left out, shorter and shorter ones."""
    size = max(len(data) // 2, 1)
    while size and tries > 0:
        at, shrunk = 0, False
        while at < len(data) and tries > 0:
            part = data[:at] + data[at + size :]
            tries -= 1
            if still(part):
                data, shrunk = part, True
            else:
                at += size
        size = size if shrunk and size > 1 else size // 2
    return data


if __name__ == "__main__":
    sys.exit(main())
