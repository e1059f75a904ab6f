"""AAC: what its configuration says, and raw frames out of ADTS (ISO/IEC 14496-3)."""

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_ADTS_HEAD, _ADTS_CHECKED_HEAD = 7, 9


def object_type(config: bytes) -> int:
    """Which AAC it is; 2 is LC. `config`: the AudioSpecificConfig (1.6.2.1), two bytes at least."""
    kind = config[0] >> 3
    return 32 + (int.from_bytes(config[:2], "big") >> 5 & 63) if kind == 31 else kind


def frame_of_aac(config: bytes) -> tuple[int, int]:
    """(rate in Hz, samples) of one frame. Raises ValueError for a configuration that does not say it."""
    if len(config) < 2:
        raise ValueError("no configuration")
    index = int.from_bytes(config[:2], "big") >> 7 & 15
    if object_type(config) > 30 or index >= len(_RATES):
        raise ValueError("a rate or kind that cameras do not send")
    short = object_type(config) == 2 and config[1] & 0x04
    return _RATES[index], 960 if short else 1024


def raw_aac(data: bytes) -> bytes:
    """The frame without its ADTS header, if it has one (1.A.2.2)."""
    if len(data) > _ADTS_HEAD and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        if length == len(data):
            return data[_ADTS_HEAD if data[1] & 1 else _ADTS_CHECKED_HEAD :]
    return data


def config_of(rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC LC. Raises ValueError for a rate that has no number."""
    return ((2 << 11) | _RATES.index(rate) << 7 | channels << 3).to_bytes(2, "big")
