"""Sound that is none: too short, silent, constant, clipped, not a number, or nothing but clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bad_inputs.kinds import Kind, accepted, holding, refused, warned
from bad_inputs.sources import RATE, samples, written

FLOATS = "Samples that are no sound"
SHORT = "Very short and very full recordings"


def kinds() -> Iterator[Kind]:
    yield from _not_numbers()
    yield from _levels()
    yield from _lengths()
    yield from _clicks()


def _floats(change: Callable[[np.ndarray], object], subtype: str = "FLOAT") -> bytes:
    sound = samples()
    change(sound)
    return written(sound, RATE, "WAV", subtype)


def _put(at: int | slice, value: float) -> Callable[[np.ndarray], None]:
    def change(sound: np.ndarray) -> None:
        sound[at] = value

    return change


def _not_numbers() -> Iterator[Kind]:
    everywhere = slice(None)
    for name, at in (("first", 0), ("middle", 24_000), ("last", -1), ("all", everywhere)):
        data = holding(lambda at=at: _floats(_put(at, np.nan)))
        yield refused(FLOATS, f"nan-{name}", "not a number (NaN)", data, "not a number (NaN)", of=name)
    for name, value in (("plus", np.inf), ("minus", -np.inf)):
        data = holding(lambda value=value: _floats(_put(24_000, value)))
        yield refused(FLOATS, f"infinite-{name}", "infinite", data, "is infinite", of=name)
    beyond = holding(lambda: _floats(_put(24_000, 1e300), "DOUBLE"))
    yield refused(FLOATS, "double-1e300", "beyond 32-bit floats", beyond, "is infinite")
    loud = holding(lambda: _floats(lambda sound: np.multiply(sound, 30_000, out=sound)))
    yield warned(FLOATS, "floats-of-16-bit", "floats in units of 16-bit samples", loud, "times full scale")
    louder = holding(lambda: _floats(lambda sound: np.multiply(sound, 2.0**31, out=sound)))
    yield warned(FLOATS, "floats-of-32-bit", "floats in units of 32-bit samples", louder, "times full scale")
    for name, value in (("1e12", 1e12), ("1e38", 3e38)):
        huge = holding(lambda value=value: _floats(_put(24_000, value)))
        yield refused(FLOATS, f"huge-{name}", "a sample that no converter gives", huge, "times full scale", of=name)
    denormal = holding(lambda: _floats(lambda sound: np.multiply(sound, 1e-40, out=sound)))
    yield refused(FLOATS, "denormal", "nothing but denormal numbers", denormal, "silence")
    one = holding(lambda: _floats(lambda sound: (sound.fill(0), _put(24_000, 1e-42)(sound))))
    yield refused(FLOATS, "denormal-one", "silence but for one denormal number", one, "silence")


def _levels() -> Iterator[Kind]:
    count = np.arange(RATE)
    sounds: dict[str, tuple[str, np.ndarray, str]] = {
        "silence": ("digital silence", np.zeros(RATE), "silence"),
        "constant": ("a constant", np.full(RATE, 0.25), "the same value"),
        "constant-full": ("a constant at full scale", np.full(RATE, 1.0), "the same value"),
        "square": ("a square wave at full scale", np.where(count // 24 % 2, 1.0, -1.0), "clipped throughout"),
        "square-fast": ("full scale up and down at every sample", np.where(count % 2, 1.0, -1.0), "clipped throughout"),
        "amplified": ("a recording 1,000 times too loud", np.clip(samples() * 1000, -1, 1), "clipped throughout"),
    }
    for name, (what, sound, says) in sounds.items():
        yield refused(FLOATS, name, what, holding(lambda sound=sound: written(sound, RATE)), says)
    bit = np.zeros(RATE)
    bit[RATE // 2] = 1 / 32_768
    yield accepted(FLOATS, "one-bit", "silence but for the last bit of one sample", holding(lambda: written(bit, RATE)))
    offset = holding(lambda: written(samples() * 0.3 + 0.5, RATE))
    yield warned(FLOATS, "offset", "a constant added to the sound", offset, "DC offset")
    minutes = holding(lambda: written(np.zeros(600 * 8_000, np.int16), 8_000, "FLAC"))
    yield refused(
        FLOATS, "silent-minutes", "ten minutes of silence in 30 kB of FLAC", minutes, "silence", ending=".flac"
    )
    dead = holding(lambda: written(samples(channels=8) * [1, 0, 0, 0, 0, 0, 0, 0], RATE))
    yield accepted(FLOATS, "dead-channels", "seven of eight channels silent", dead)

    def one_channel() -> bytes:
        sound = samples(channels=8)
        sound[24_000, 7] = np.nan
        return written(sound, RATE, "WAV", "FLOAT")

    yield refused(FLOATS, "nan-channel-8", "not a number in the last of eight channels", holding(one_channel), "(NaN)")


def _lengths() -> Iterator[Kind]:
    for count in (0, 1, 2, 479):
        says = "contains no sound" if count == 0 else f"has {count} sample(s)"
        data = holding(lambda count=count: written(samples()[24_000 : 24_000 + count], RATE))
        yield refused(SHORT, f"samples-{count}", "less than 10 ms", data, says, of=f"{count} samples")
    least = holding(lambda: written(samples()[24_000:24_480], RATE))
    yield accepted(SHORT, "samples-480", "10 ms, the shortest accepted", least)
    for rate in (8_000, 192_000):
        data = holding(lambda rate=rate: written(samples(rate), rate))
        yield accepted(SHORT, f"rate-{rate}", "the lowest and the highest sample rate", data, of=f"{rate} Hz")


def _clicks() -> Iterator[Kind]:
    def click(at: int) -> bytes:
        sound = np.random.default_rng(0).normal(0, 0.001, RATE)
        sound[at] = 0.9
        return written(sound, RATE)

    yield accepted(SHORT, "click-first", "a click at the first sample", holding(lambda: click(0)))
    yield accepted(SHORT, "click-last", "a click at the last sample", holding(lambda: click(-1)))
    yield accepted(SHORT, "clicks", "2,000 clicks in 25 seconds", holding(_many))


def _many() -> bytes:
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.0005, 2_000 * 100)
    at = np.arange(2_000) * 100 + rng.integers(0, 25, 2_000)
    sound[at] += rng.choice([-1, 1], 2_000) * rng.uniform(0.2, 0.8, 2_000)
    return written(sound, 8_000)
