"""What a Tapo camera has inside: a motor, positions, switches. Answers commands in the shapes that real ones use."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

UNKNOWN_METHOD = -40106
PRIVACY, AT_THE_END, BUSY = -64324, -64304, -64303
NO_PRESET, PRESETS_FULL, NO_SUCH_PLACE = -64302, -64306, -60102
MOST_PRESETS = 8
LIMITS = (170.0, 35.0)

Reply = tuple[int, dict[str, Any]]


class Motor:
    """Turns at a steady speed; its position is worked out when somebody asks."""

    def __init__(self, degrees_per_s: float = 40.0) -> None:
        self.speed = degrees_per_s
        self.put((0.0, 0.0))

    @property
    def position(self) -> tuple[float, float]:
        """Pan and tilt in degrees: right and up are positive."""
        gone = (time.monotonic() - self._since) * self.speed
        pan, tilt = (
            goal if abs(goal - start) <= gone else start + gone * (1 if goal > start else -1)
            for start, goal in zip(self._start, self.goal, strict=True)
        )
        return pan, tilt

    @property
    def is_turning(self) -> bool:
        return self.position != self.goal

    def turn(self, x: float, y: float) -> int:
        here = self.position
        goal = tuple(max(-limit, min(limit, at + by)) for at, by, limit in zip(here, (x, y), LIMITS, strict=True))
        if goal == here:
            return AT_THE_END
        self.go((goal[0], goal[1]))
        return 0

    def go(self, goal: tuple[float, float]) -> None:
        self._start, self.goal, self._since = self.position, goal, time.monotonic()

    def put(self, place: tuple[float, float]) -> None:
        """There at once."""
        self._start, self.goal, self._since = place, place, time.monotonic()

    def stop(self) -> None:
        self.go(self.position)


@dataclass
class Device:
    model: str = "C210"
    firmware: str = "1.4.3 Build 241010 Rel.33858n"
    resolution: str = "2304*1296"
    codec: str = "H264"
    small_resolutions: list[str] = field(default_factory=list)
    has_motor: bool = True
    has_led: bool = True
    # "manual", "siren" or "" for a camera that makes no noise
    alarm_kind: str = "manual"
    knows_stop: bool = True
    # Whether a camera that still turns refuses the next step.
    is_strict: bool = False
    presets: dict[str, str] = field(default_factory=dict)
    privacy: bool = False
    led: bool = True
    night: str = "auto"
    alarm: bool = False
    is_patrolling: bool = False
    motor: Motor = field(default_factory=Motor)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._places = dict.fromkeys(self.presets, (90.0, 20.0))

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request as it stands inside the encryption; `method` do, get and set are the old style."""
        method, params = str(request.get("method")), request.get("params") or {}
        with self._lock:
            if method in ("do", "get", "set"):
                code, result = self._old_style(method, {k: v for k, v in request.items() if k != "method"})
                return {**result, "error_code": code}
            handler = getattr(self, f"_{method}", None)
            code, result = (UNKNOWN_METHOD, {}) if handler is None else handler(params)
        return {"method": method, "result": result, "error_code": code}

    def _old_style(self, method: str, what: dict[str, Any]) -> Reply:
        if method == "do" and "motor" in what and self.has_motor:
            return self._do_motor(what["motor"])
        if method == "get" and "motor" in what and self.has_motor:
            ability = {"relative_move_supported": "1", "preset_supported": "1", "preset_number_max": str(MOST_PRESETS)}
            return 0, {"motor": {"capability": ability}}
        if method == "do" and "msg_alarm" in what and self.alarm_kind == "manual":
            self.alarm = what["msg_alarm"]["manual_msg_alarm"]["action"] == "start"
            return 0, {}
        return UNKNOWN_METHOD, {}

    def _do_motor(self, what: dict[str, Any]) -> Reply:
        if "stop" in what and self.knows_stop:
            self.motor.stop()
            return 0, {}
        return (self._motorMove({"motor": what})) if "move" in what else (UNKNOWN_METHOD, {})

    def _motorMove(self, params: dict[str, Any]) -> Reply:
        if not self.has_motor:
            return UNKNOWN_METHOD, {}
        if self.privacy:
            return PRIVACY, {}
        if self.is_patrolling or (self.is_strict and self.motor.is_turning):
            return BUSY, {}
        move = params["motor"]["move"]
        x, y = float(move["x_coord"]), float(move["y_coord"])
        return (self.motor.turn(x, y), {}) if x or y else (NO_SUCH_PLACE, {})

    def _cruiseStop(self, params: dict[str, Any]) -> Reply:
        self.is_patrolling = False
        return 0, {}

    def _getPresetConfig(self, params: dict[str, Any]) -> Reply:
        if not self.has_motor:
            return UNKNOWN_METHOD, {}
        pan, tilt = ([f"{place[axis]:.6f}" for place in self._places.values()] for axis in (0, 1))
        held = {
            "id": list(self.presets), "name": list(self.presets.values()), "position_pan": pan, "position_tilt": tilt,
            "position_zoom": [], "read_only": ["0"] * len(self.presets),
        }  # fmt: skip
        return 0, {"preset": {"preset": held}}

    def _addMotorPostion(self, params: dict[str, Any]) -> Reply:
        if len(self.presets) >= MOST_PRESETS:
            return PRESETS_FULL, {}
        token = next(str(n) for n in range(1, MOST_PRESETS + 1) if str(n) not in self.presets)
        self.presets[token] = params["preset"]["set_preset"]["name"]
        self._places[token] = self.motor.position
        return 0, {"id": token}

    def _motorMoveToPreset(self, params: dict[str, Any]) -> Reply:
        token = params["preset"]["goto_preset"]["id"]
        if self.privacy:
            return PRIVACY, {}
        if token not in self.presets:
            return NO_PRESET, {}
        self.motor.go(self._places[token])
        return 0, {}

    def _deletePreset(self, params: dict[str, Any]) -> Reply:
        for token in params["preset"]["remove_preset"]["id"]:
            if self.presets.pop(token, None) is None:
                return NO_PRESET, {}
            del self._places[token]
        return 0, {}

    def _getDeviceInfo(self, params: dict[str, Any]) -> Reply:
        info = {
            "device_type": "SMART.IPCAMERA", "device_model": self.model, "device_name": f"{self.model} 2.0",
            "device_info": f"{self.model} 2.0 IPC", "hw_version": "2.0", "sw_version": self.firmware,
            "device_alias": "Yard", "mac": "40-AE-30-00-00-01", "region": "EU", "is_cal": True,
        }  # fmt: skip
        return 0, {"device_info": {"basic_info": info}}

    def _getLensMaskConfig(self, params: dict[str, Any]) -> Reply:
        return 0, {"lens_mask": {"lens_mask_info": {"enabled": _word(self.privacy)}}}

    def _setLensMaskConfig(self, params: dict[str, Any]) -> Reply:
        self.privacy = params["lens_mask"]["lens_mask_info"]["enabled"] == "on"
        return 0, {}

    def _getLedStatus(self, params: dict[str, Any]) -> Reply:
        return (0, {"led": {"config": {"enabled": _word(self.led)}}}) if self.has_led else (UNKNOWN_METHOD, {})

    def _setLedStatus(self, params: dict[str, Any]) -> Reply:
        if not self.has_led:
            return UNKNOWN_METHOD, {}
        self.led = params["led"]["config"]["enabled"] == "on"
        return 0, {}

    def _getLightFrequencyInfo(self, params: dict[str, Any]) -> Reply:
        return 0, {"image": {"common": {"inf_type": self.night, "light_freq_mode": "auto", "luma": "50"}}}

    def _setDayNightModeConfig(self, params: dict[str, Any]) -> Reply:
        self.night = params["image"]["common"]["inf_type"]
        return 0, {}

    def _getLastAlarmInfo(self, params: dict[str, Any]) -> Reply:
        if not self.alarm_kind:
            return UNKNOWN_METHOD, {}
        info = {"alarm_type": "0", "light_type": "1", "enabled": "off", "alarm_mode": ["sound", "light"]}
        return 0, {"msg_alarm": {"chn1_msg_alarm_info": info}}

    def _getSirenStatus(self, params: dict[str, Any]) -> Reply:
        is_siren = self.alarm_kind == "siren"
        return (0, {"status": _word(self.alarm), "time_left": 0}) if is_siren else (UNKNOWN_METHOD, {})

    def _setSirenStatus(self, params: dict[str, Any]) -> Reply:
        if self.alarm_kind != "siren":
            return UNKNOWN_METHOD, {}
        self.alarm = params["msg_alarm"]["status"] == "on"
        return 0, {}

    def _getVideoQualities(self, params: dict[str, Any]) -> Reply:
        main = {"bitrate": "1382", "encode_type": self.codec, "frame_rate": "65551", "name": "VideoEncoder_1"}
        return 0, {"video": {"main": {**main, "resolution": self.resolution}}}

    def _getVideoCapability(self, params: dict[str, Any]) -> Reply:
        able: dict[str, Any] = {"main": {"encode_types": ["H264", "H265"], "resolutions": [self.resolution]}}
        if self.small_resolutions:
            able["minor"] = {"encode_types": ["H264"], "resolutions": self.small_resolutions}
        return 0, {"video_capability": able}


def _word(is_on: bool) -> str:
    return "on" if is_on else "off"
