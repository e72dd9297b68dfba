"""Settings of a session: sensor, room, device, level, background, processing, file format.

All are drawn independently of the classes, so that no class has acoustics of its own. Folds over the named factors can
train on some sensors, rooms and parameter ranges and test on others.
"""

from __future__ import annotations

from dataclasses import dataclass

from popclass.errors import UsageError
from popclass.synthesis.codecs import CODECS
from popclass.synthesis.waves import Random, Regime, choose
from popclass.timing.sites import SITES

# Part of the range of levels over the noise floor.
LEVELS = {"faint": (0.0, 0.4), "middle": (0.25, 0.75), "loud": (0.55, 1.0)}
REGIMES = {"low": (0.0, 0.45), "middle": (0.2, 0.8), "high": (0.55, 1.0), "whole": (0.0, 1.0)}
_REGIME_SHARES = {"low": 0.2, "middle": 0.2, "high": 0.2, "whole": 0.4}

# Values of each factor and their shares: ASSUMPTION. The order is that of the draws.
FACTORS: dict[str, dict[str, float]] = {
    "sensor": {
        **{"airborne close": 0.2, "airborne near": 0.34, "airborne far": 0.16},
        **{"contact": 0.18, "contact air-coupled": 0.12},
    },
    "room": {"open": 0.2, "small": 0.3, "medium": 0.3, "large": 0.2},
    "device": {"flat": 0.3, "phone": 0.25, "webcam": 0.15, "laptop": 0.1, "wearable": 0.12, "narrow": 0.08},
    "level": dict.fromkeys(LEVELS, 1.0),
    "background": {
        **{"white": 0.17, "pink": 0.2, "brown": 0.13, "hum": 0.13, "fan": 0.13},
        **{"traffic": 0.09, "babble": 0.07, "webcam": 0.08},
    },
    "processing": {
        **{"none": 0.45, "automatic gain": 0.16, "noise gate": 0.07, "noise suppression": 0.18, "clipping": 0.14},
    },
    "codec": {"none": 0.35, "mp3": 0.13, "aac": 0.25, "opus": 0.21, "amr": 0.06},
    "pitch": _REGIME_SHARES,
    "duration": _REGIME_SHARES,
}
SAMPLE_RATES = {
    **{44100: 0.32, 48000: 0.33, 96000: 0.04, 88200: 0.01},
    **{32000: 0.05, 24000: 0.03, 22050: 0.05, 16000: 0.13, 8000: 0.04},
}
BITS = {16: 0.75, 24: 0.2, 12: 0.05}
TWO_SENSORS = 0.1  # of sessions, a sensor on the left and one on the right: ASSUMPTION
CODEC_RATES = {name: codec.rates for name, codec in CODECS.items() if codec.rates}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one session.

    Attributes
    ----------
    sensor, room, device, level, background, processing, codec : str
        Values of `FACTORS`.
    pitch, duration : str
        Part of the frequency and duration ranges from which every class draws, a key of `REGIMES`.
    site : str
        Name of a built-in site.
    sample_rate, bits : int
        Of the files; rate in hertz.
    channels : int
        2 for a sensor on either side, each in a channel of its own; otherwise 1.
    """

    sensor: str
    room: str
    device: str
    level: str
    background: str
    processing: str
    codec: str
    pitch: str
    duration: str
    site: str
    sample_rate: int
    bits: int
    channels: int = 1

    def __post_init__(self) -> None:
        for name, value in self.factors().items():
            if value not in FACTORS[name]:
                raise UsageError(f"{name} {value!r}: choose from {', '.join(FACTORS[name])}")
        rates = CODEC_RATES.get(self.codec, (self.sample_rate,))
        if self.sample_rate not in rates:
            raise UsageError(f"{self.codec} at {self.sample_rate} Hz: choose from {', '.join(map(str, rates))} Hz")

    @property
    def contact(self) -> bool:
        """True if the sensor touches the skin."""
        return self.sensor.startswith("contact")

    @property
    def regime(self) -> Regime:
        """Parts of the ranges from which pitches and durations are drawn."""
        return Regime(pitch=REGIMES[self.pitch], duration=REGIMES[self.duration])

    @property
    def work_rate(self) -> int:
        """Rate at which the sounds are computed; lower rates are reached by resampling, as in a real converter."""
        return self.sample_rate if self.sample_rate >= 44100 else 48000

    def factors(self) -> dict[str, str]:
        """Return the named settings that folds can leave out one value at a time."""
        return {name: getattr(self, name) for name in FACTORS}


def draw_settings(rng: Random) -> Settings:
    """Return a random draw of the settings of a session.

    Examples
    --------
    >>> import numpy as np
    >>> draw_settings(np.random.default_rng(0)).factors()["sensor"] in FACTORS["sensor"]
    True
    """
    codec, rate = choose(rng, FACTORS["codec"]), choose(rng, SAMPLE_RATES)
    if rate not in CODEC_RATES.get(codec, SAMPLE_RATES):
        rate = max(CODEC_RATES[codec])
    factors = {name: choose(rng, shares) for name, shares in FACTORS.items() if name != "codec"}
    site = choose(rng, {site.name: 3.0 if site.documented else 1.0 for site in SITES.values()})
    bits, channels = choose(rng, BITS), 2 if rng.random() < TWO_SENSORS else 1
    return Settings(**factors, codec=codec, site=site, sample_rate=rate, bits=bits, channels=channels)
