"""Work in the background: the folder of recordings is watched, new ones are classified, models are trained.

What a killed program left is completed first. It is tried again, like a take whose end failed, until it succeeds.
One thread does one thing at a time. What it found is replaced as a whole, so that a request always sees one moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread

from popclass.app import completion, training
from popclass.app.labels import without_missing
from popclass.app.project import TAKES, Project
from popclass.app.sounds import Sounds, load_sounds
from popclass.batch.journal import can_continue
from popclass.batch.result import RUN
from popclass.batch.run import classify_folder
from popclass.batch.worker import BatchProgress
from popclass.errors import PopclassError
from popclass.formats.csv_io import RecordingRow
from popclass.model.model import Model
from popclass.results import RecordingResult
from popclass.utils.files import Stamp
from popclass.utils.text import one_line
from popclass.utils.workers import available_cores

POLL_S = 1.0
RETRY_S = 5.0  # after a failure
_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


class BusyError(PopclassError):
    """Another training or evaluation waits or is being done."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work that is being done.

    Attributes
    ----------
    kind : str or None
        `recover`, `classify`, `train` or `evaluate`, None where nothing is.
    what : str
        Step, in words.
    done, total : int
    """

    kind: str | None = None
    what: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Recordings of the project at one moment.

    Attributes
    ----------
    stamps : mapping of str to Stamp
        Recordings that were classified.
    rows : mapping of str to RecordingRow
        As the table of recordings in the results has them.
    results : mapping of str to RecordingResult
        Of the recordings that could be read.
    model : Model or None
        That classified them; None before the first one.
    sounds : Sounds or None
        Of all recordings together, so later than the results of new ones; None before that.
    made : int
        Number of times that the sounds were made anew.
    """

    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    rows: Mapping[str, RecordingRow] = field(default_factory=dict)
    results: Mapping[str, RecordingResult] = field(default_factory=dict)
    model: Model | None = None
    sounds: Sounds | None = None
    made: int = 0


class Jobs:
    """The thread that works for a project, and what it found.

    Parameters
    ----------
    project : Project

    Attributes
    ----------
    version : int
        Grows whenever anything that a page shows has changed.
    work : Work
    found : Found
    waiting : mapping of str to Stamp
        Recordings in the folder now, those that are not classified yet included.
    errors : mapping of str to str
        Reason why the last work of a kind failed, in one line; none once it succeeds.
    """

    def __init__(self, project: Project) -> None:
        self.version, self.work, self.found = 0, Work(), Found()
        self.waiting: Mapping[str, Stamp] = {}
        self.errors: Mapping[str, str] = {}
        self._tried: tuple[tuple[object, ...], float] | None = None
        self._project, self._lock = project, Lock()
        self._unfinished, self._recover_at = completion.unfinished(project), 0.0
        self._task: tuple[str, Callable[[Progress], object]] | None = None
        self._labels_seen: list[Stamp] = []
        self._wake, self._stop, self._stale = Flag(), Flag(), True
        self._thread = Thread(target=self._run, name="popclass-app", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End as soon as what is being done allows it."""
        self._stop.set()
        self._wake.set()

    @property
    def stopped(self) -> bool:
        """True once the app ends."""
        return self._stop.is_set()

    def changed(self) -> None:
        """Tell that a page shows something that has changed."""
        self.version += 1

    def classify(self) -> None:
        """Tell that recordings, their metadata or the model have changed."""
        self._stale = True
        if self._task is not None:  # they are listed at once, and classified when it is done
            self.waiting = self._stamps()
        self.changed()
        self._wake.set()

    def recover(self, own: str) -> None:
        """Tell that a take could not be completed; it is tried again."""
        with self._lock:
            self._unfinished = self._unfinished | {own}
        self._wake.set()

    def train(self, observer: str, target: str) -> None:
        """Train a candidate on the labels of an observer; raises BusyError."""
        project, in_use = self._project, self._project.models.file_in_use
        labels = self._labels(observer)
        self._submit(
            "train",
            lambda progress: training.train_candidate(
                project.folder, labels(), in_use=in_use, target=target, progress=progress
            ),
        )

    def evaluate(self, observer: str, second: str | None) -> None:
        """Evaluate the model in use on the labels of an observer, or of two; raises BusyError."""
        project, model = self._project, self._project.models.file_in_use
        labels, other = self._labels(observer), None if second is None else self._labels(second)
        self._submit(
            "evaluate",
            lambda progress: training.evaluate(
                project.folder, labels(), second=other and other(), model=model, progress=progress
            ),
        )

    def _labels(self, observer: str) -> Callable[[], Path]:
        """Return a function that gives the table of an observer's labels, as they are when the work begins."""
        self._project.labels_path(observer)  # a wrong name
        return partial(self._project.described_labels, observer)

    def _submit(self, kind: str, task: Callable[[Progress], object]) -> None:
        with self._lock:
            if self._task is not None:
                raise BusyError(f"popclass is busy ({self._task[0]}); wait until it is finished")
            self._task = (kind, task)
        self._wake.set()
        self.changed()

    def _show(self, work: Work) -> None:
        self.work = work
        self.version += 1

    def _run(self) -> None:
        self._try("train", partial(training.restore_evaluation, self._project.folder))
        self.changed()
        while not self._stop.is_set():
            self._wake.clear()
            self._try("recover", self._recover)
            self._try("classify", self._look)
            self._note_labels()
            if self._task is not None:
                self._try("train", partial(self._do, *self._task))
                self._task = None
                self._show(Work())
            self._wake.wait(POLL_S)

    def _do(self, kind: str, task: Callable[[Progress], object]) -> None:
        self._tell("train", None)
        self._show(Work(kind, "starting"))
        task(lambda what, done, total: self._show(Work(kind, what, done, total)))

    def _try(self, kind: str, action: Callable[[], object]) -> None:
        try:
            action()
        except (PopclassError, OSError) as error:
            self._tell(kind, one_line(str(error)))
        except Exception as error:  # a bug: the app goes on, and tells it
            _log.exception("the background work failed")
            reason = f"{type(error).__name__}: {one_line(str(error))}"
            self._tell(kind, f"a bug in popclass, please report it: {reason}")

    def _tell(self, kind: str, reason: str | None) -> None:
        if reason != self.errors.get(kind):
            others = {name: line for name, line in self.errors.items() if name != kind}
            self.errors = others if reason is None else {**others, kind: reason}
            self.version += 1

    def _recover(self) -> None:
        """Complete the takes and uploads that are unfinished, and tell which cannot be completed yet."""
        began = time.monotonic()
        if not self._unfinished or began < self._recover_at:
            return
        self._recover_at = began + RETRY_S
        if "recover" not in self.errors:  # the first try, which may take long
            self.waiting = self._stamps()
            self._show(Work("recover", "completing what was being recorded"))
        try:
            names, failed = completion.recover(self._project, tried := self._unfinished)
        finally:
            self._show(Work())
        with self._lock:
            self._unfinished = self._unfinished - tried | failed.keys()
        now = time.monotonic()
        self._recover_at = now + 10 * (now - began)  # a full disk costs at most a tenth of the time
        self._stale |= bool(names)
        lines = [f"{TAKES}/{own} cannot be completed: {reason}" for own, reason in failed.items()]
        self._tell("recover", lines[0] + (f" ({len(lines) - 1} more wait)" if lines[1:] else "") if lines else None)

    def _stamps(self) -> dict[str, Stamp]:
        return {name: Stamp.of(self._project.recordings_dir / name) for name in self._project.recordings()}

    def _note_labels(self) -> None:
        """Tell that a table of labels has changed, whoever wrote it."""
        stamps = [Stamp.of(self._project.labels_path(observer)) for observer in self._project.observers()]
        if stamps != self._labels_seen:
            self._labels_seen = stamps
            self.version += 1

    def _inputs(self, stamps: Mapping[str, Stamp]) -> tuple[object, ...]:
        """Return all that must not change: recordings, the manifest, the model in use, and the results made of them."""
        model = self._project.models.file_in_use
        return stamps, Stamp.of(self._project.manifest_path), model, model and Stamp.of(model), self._results_stamp()

    def _look(self) -> None:
        """Classify what has changed in the folder, unless a file is still being copied into it."""
        stamps = self._stamps()
        settled = stamps == self.waiting
        if not settled:
            self.waiting = stamps
            self.version += 1
        inputs = self._inputs(stamps)
        if self._tried is not None and self._tried[0] == inputs and not self._stale:
            # without a change, another try may help where the disk was full or another program wrote the results
            if "classify" not in self.errors or time.monotonic() - self._tried[1] < RETRY_S:
                return
        elif not (self._stale or settled):
            return
        self._stale = False
        try:
            self._classify(stamps)
        finally:
            self._tried = (*inputs[:-1], self._results_stamp()), time.monotonic()
        self._tell("classify", None)

    def _classify(self, stamps: Mapping[str, Stamp]) -> None:
        project = self._project
        if not stamps:
            self.found = Found(made=self.found.made)
            return
        self._show(Work("classify", "classifying", 0, len(stamps)))
        try:
            model, (manifest, _) = project.models.load(), without_missing(project.manifest_path)
            results = dict[str, RecordingResult]()

            def show(now: BatchProgress) -> None:
                self._publish(stamps, model, results)
                self._show(Work("classify", "classifying", now.done, now.total))

            # in other processes, so that a recording that crashes its decoder fails alone
            batch = classify_folder(
                project.recordings_dir,
                project.results_dir,
                model=model,
                manifest=manifest if manifest.exists() else None,
                jobs=max(2, available_cores()),
                features=project.cache_dir,
                on_result=lambda result: results.update({result.recording: result}),
                # the project may have been moved, or popclass updated
                fresh=not can_continue(project.results_dir, project.recordings_dir),
                progress=show,
            )
            rows = {row.recording: row for row in batch.recordings}
            results = {name: each for name, each in results.items() if name in stamps}  # no links to other places
            sounds = load_sounds(project.folder, model, results, before=self.found.sounds)
            self.found = Found(stamps, rows, results, model, sounds, self.found.made + 1)
        finally:
            self._show(Work())

    def _publish(self, stamps: Mapping[str, Stamp], model: Model, results: Mapping[str, RecordingResult]) -> None:
        """Add new recordings that are labelled already to what was found, which has one model throughout."""
        found = self.found
        if found.model is not None and found.model.sha256 != model.sha256:
            return
        new = {
            name: each for name, each in results.items() if name in stamps and found.stamps.get(name) != stamps[name]
        }
        if new:
            rows = {name: RecordingRow.from_result(each) for name, each in new.items()}
            now = {name: stamps[name] for name in new}
            self.found = replace(
                found,
                stamps={**found.stamps, **now},
                rows={**found.rows, **rows},
                results={**found.results, **new},
                model=model,
            )

    def _results_stamp(self) -> Stamp:
        return Stamp.of(self._project.results_dir / RUN)
