"""AAC: what its configuration says, and raw frames out of ADTS (ISO/IEC 14496-3)."""

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_ADTS_HEAD, _ADTS_CHECKED_HEAD = 7, 9


def object_type(config: bytes) -> int:
    """Which AAC it is; 2 is LC. `config`: the AudioSpecificConfig (1.6.2.1), two bytes at least."""
    kind = config[0] >> 3
    return 32 + (int.from_bytes(config[:2], "big") >> 5 & 63) if kind == 31 else kind


def frame_of_aac(config: bytes) -> tuple[int, int]:
    """(rate in Hz, samples) of one decoded frame. Raises ValueError for a configuration that does not say it."""
    if len(config) < 2:
        raise ValueError("no configuration")
    kind, bits = object_type(config), int.from_bytes(config[:3].ljust(3, b"\0"), "big")
    core, told = bits >> 15 & 15, bits >> 7 & 15
    # With spectral band replication (5, and 29 with parametric stereo) it plays at another rate than it is coded at.
    rate = told if kind in (5, 29) else core
    if kind > 30 or max(core, rate) >= len(_RATES):
        raise ValueError("a rate or kind that cameras do not send")
    samples = 960 if kind == 2 and config[1] & 0x04 else 1024
    return _RATES[rate], samples * _RATES[rate] // _RATES[core]


def raw_aac(data: bytes) -> bytes:
    """The frame without its ADTS header, if it has one (1.A.2.2)."""
    if len(data) > _ADTS_HEAD and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        if length == len(data):
            return data[_ADTS_HEAD if data[1] & 1 else _ADTS_CHECKED_HEAD :]
    return data


def config_of(rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC LC; b"" for a rate that has no number."""
    if rate not in _RATES:
        return b""
    return (2 << 11 | _RATES.index(rate) << 7 | channels << 3).to_bytes(2, "big")
