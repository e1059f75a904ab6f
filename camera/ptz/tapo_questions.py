"""What is asked of a Tapo camera in one message, and how the answers are read."""

from dataclasses import dataclass
from typing import Any

from camera.ptz.tapo_words import BUSY, PRIVACY, dig, plain, size

QUESTIONS: dict[str, dict[str, Any]] = {
    "getDeviceInfo": {"device_info": {"name": ["basic_info"]}},
    "getPresetConfig": {"preset": {"name": ["preset"]}},
    "getLensMaskConfig": {"lens_mask": {"name": ["lens_mask_info"]}},
    "getLedStatus": {"led": {"name": ["config"]}},
    "getLightFrequencyInfo": {"image": {"name": "common"}},
    "getLastAlarmInfo": {"msg_alarm": {"name": ["chn1_msg_alarm_info"]}},
    "getSirenStatus": {"msg_alarm": {}},
    "getVideoQualities": {"video": {"name": ["main"]}},
    "getVideoCapability": {"video_capability": {"name": ["main", "minor"]}},
}
SWITCHES = ("getLensMaskConfig", "getLedStatus", "getLightFrequencyInfo", "getLastAlarmInfo", "getSirenStatus")
_NOT_SAID = -40106


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    result: dict[str, Any]

    @property
    def is_known(self) -> bool:
        """Whether the camera has what was asked for, be it that it shows none of it in privacy mode."""
        return self.code in (0, PRIVACY, BUSY)


Answers = dict[str, Answer]


def requests_for(methods: tuple[str, ...]) -> dict[str, Any]:
    return {"requests": [{"method": method, "params": QUESTIONS[method]} for method in methods]}


def read(found: Any, methods: tuple[str, ...]) -> Answers:
    """The answers by method. What the camera passes over counts as not known to it."""
    answers = {method: Answer(_NOT_SAID, {}) for method in methods}
    for answer in found if isinstance(found, list) else []:
        method, code, result = dig(answer, "method"), dig(answer, "error_code"), dig(answer, "result")
        if isinstance(method, str) and method in answers:
            code = code if isinstance(code, int) else 0
            answers[method] = Answer(code, result if isinstance(result, dict) else {})
    return answers


def has_alarm(answers: Answers) -> bool:
    return answers["getLastAlarmInfo"].is_known or answers["getSirenStatus"].is_known


def night(answers: Answers) -> str | None:
    mode = plain(dig(answers["getLightFrequencyInfo"].result, "image", "common", "inf_type"))
    return mode if mode in ("auto", "on", "off") else None


def main_stream(answers: Answers) -> tuple[str, int, int]:
    """Codec, width and height of the large one."""
    main = dig(answers["getVideoQualities"].result, "video", "main")
    codec = "hevc" if plain(dig(main, "encode_type")).upper() == "H265" else "h264"
    return codec, *size(dig(main, "resolution"))


def small_stream(answers: Answers) -> tuple[str, int, int]:
    """The same of the small one. What it could be tells what it is only where there is one choice."""
    choices = dig(answers["getVideoCapability"].result, "video_capability", "minor", "resolutions")
    width, height = size(choices[0]) if isinstance(choices, list) and len(choices) == 1 else (0, 0)
    return "h264", width, height
