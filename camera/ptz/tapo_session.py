"""What a Tapo camera is asked and told. Blocking, one thread at a time; raises PtzError and nothing else."""

import math
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from camera.ptz.driver import Can, Code, Description, Login, Preset, PtzError, Stream, Switches
from camera.ptz.tapo_entry import Entry
from camera.ptz.tapo_questions import (
    QUESTIONS,
    SWITCHES,
    Answers,
    has_alarm,
    main_stream,
    night,
    read,
    requests_for,
    small_stream,
)
from camera.ptz.tapo_words import (
    UNKNOWN,
    code_of,
    dig,
    in_words,
    is_session_over,
    on_or_off,
    plain,
)

T = TypeVar("T")
_STOP = {"method": "do", "motor": {"stop": "null"}}
_RTSP_PORT = 554
# About what the motors do; only used to see that the last step is not over yet.
_DEGREES_PER_S = 40.0
_NO_MOTOR = "This camera has no motor."
_NO_POSITIONS = "This camera remembers no positions."


class TapoSession:
    """One camera, entered when the first question is asked."""

    def __init__(self, login: Login) -> None:
        self._entry = Entry(login)
        self._rtsp_port = _rtsp_port(login.address)
        self._has_motor: bool | None = None
        self._knows_stop = True
        # Whether the alarm is started as a siren (True) or by hand (False); None: not tried yet.
        self._is_siren: bool | None = None
        self._is_alarming = False
        self._step_over, self._step_way = 0.0, (0, 0)

    def run(self, job: Callable[["TapoSession"], T], until: float) -> T:
        self._entry.begin(until)
        return job(self)

    def cut(self, until: float = math.inf) -> None:
        self._entry.cut(until)

    def leave(self) -> None:
        self._entry.leave()

    def describe(self) -> Description:
        answers = self._ask_all(*QUESTIONS)
        info = dig(answers["getDeviceInfo"].result, "device_info", "basic_info")
        abilities = self._abilities(answers)
        return Description(
            model=plain(dig(info, "device_model")),
            firmware=plain(dig(info, "sw_version")),
            abilities=abilities,
            streams=self._streams(answers),
        )

    def _ask_all(self, *methods: str) -> Answers:
        """In one message to and fro."""
        asked = requests_for(methods)
        return read(self._entry.ask(lambda tapo: tapo.executeFunction("multipleRequest", asked)), methods)

    def _abilities(self, answers: Answers) -> frozenset[Can]:
        has_presets = answers["getPresetConfig"].is_known
        self._has_motor = has_presets or self._ask_motor()
        has = {
            Can.PAN_TILT: self._has_motor,
            Can.PRESETS: has_presets,
            Can.PRIVACY: answers["getLensMaskConfig"].is_known,
            Can.LED: answers["getLedStatus"].is_known,
            Can.ALARM: has_alarm(answers),
            Can.NIGHT: night(answers) is not None,
        }
        return frozenset(ability for ability, is_there in has.items() if is_there)

    def _ask_motor(self) -> bool:
        try:
            found = self._entry.ask(lambda tapo: tapo.getMotorCapability())
        except PtzError as error:
            if error.code in (Code.NOT_SUPPORTED, Code.FAILED) and self._entry.is_open:
                return False
            raise
        return bool(dig(found, "motor", "capability"))

    def _streams(self, answers: Answers) -> tuple[Stream, ...]:
        host = f"[{self._entry.host}]" if ":" in self._entry.host else self._entry.host
        at = f"rtsp://{host}:{self._rtsp_port}"
        return (
            Stream(f"{at}/stream1", "main", *main_stream(answers)),
            Stream(f"{at}/stream2", "small", *small_stream(answers)),
        )

    def step(self, x: int, y: int) -> None:
        """One step of so many degrees; none while the last one that way is still going on. A camera that is busy
        without a step of ours is told to give up its patrol (pytapo's `retry` is False), and told this again."""
        self._need_motor()
        is_going_on, way = time.monotonic() < self._step_over, (_sign(x), _sign(y))
        if is_going_on and way == self._step_way:
            return
        move = {"motor": {"move": {"x_coord": str(x), "y_coord": str(y)}}}
        try:
            self._entry.ask(lambda tapo: tapo.executeFunction("motorMove", move, retry=is_going_on))
        except PtzError as error:
            if error.code is Code.BUSY:
                return
            if error.code is Code.NOT_SUPPORTED:
                self._has_motor = False
                self._need_motor()
            raise
        self._step_over, self._step_way = time.monotonic() + max(abs(x), abs(y)) / _DEGREES_PER_S, way

    def _need_motor(self) -> None:
        if self._has_motor is False:
            raise PtzError(Code.NOT_SUPPORTED, _NO_MOTOR)

    def halt(self) -> None:
        # Who has not entered has moved nothing, and a step ends by itself.
        if not self._entry.is_open or not self._knows_stop or self._has_motor is False:
            return
        self._step_over = 0.0
        code = self._entry.ask(lambda tapo: _code(lambda: tapo.performRequest(_STOP)))
        self._knows_stop = code not in UNKNOWN

    def presets(self) -> list[Preset]:
        self._need_motor()
        found = self._ask_positions(lambda tapo: tapo.getPresets())
        names = {plain(token): plain(name) for token, name in found.items()}
        return [Preset(token, name or f"Position {token}") for token, name in names.items() if token]

    def _ask_positions(self, what: Callable[[Any], T]) -> T:
        try:
            return self._entry.ask(what)
        except PtzError as error:
            if error.code is not Code.NOT_SUPPORTED:
                raise
        raise PtzError(Code.NOT_SUPPORTED, _NO_POSITIONS if self._has_motor else _NO_MOTOR)

    def go(self, token: str) -> None:
        self._known(token)
        self._ask_positions(lambda tapo: tapo.setPreset(token))

    def delete(self, token: str) -> None:
        self._known(token)
        self._remove(token)

    def _remove(self, token: str) -> None:
        self._ask_positions(lambda tapo: tapo.deletePreset(token))

    def _known(self, token: str) -> None:
        if all(preset.token != token for preset in self.presets()):
            raise in_words(-64302)

    def save(self, name: str) -> Preset:
        name = plain(name, 60)
        if not name:
            raise PtzError(Code.FAILED, "A position needs a name.")
        before = self.presets()
        former = [preset.token for preset in before if preset.name == name]
        # The new one first: what is not saved must not cost the old one.
        try:
            self._add(name)
        except PtzError:
            if not former:
                raise
            self._remove(former.pop())
            self._add(name)
        for token in former:
            self._remove(token)
        known = {preset.token for preset in before}
        after = [preset for preset in self.presets() if preset.name == name]
        if not after:
            raise PtzError(Code.FAILED, "The camera has not kept the position.")
        return next((preset for preset in after if preset.token not in known), after[-1])

    def _add(self, name: str) -> None:
        self._ask_positions(lambda tapo: tapo.savePreset(name))

    def switches(self) -> Switches:
        answers = self._ask_all(*SWITCHES)
        alarm = self._is_alarming if has_alarm(answers) else None
        siren = answers["getSirenStatus"]
        return Switches(
            privacy=on_or_off(dig(answers["getLensMaskConfig"].result, "lens_mask", "lens_mask_info", "enabled")),
            led=on_or_off(dig(answers["getLedStatus"].result, "led", "config", "enabled")),
            alarm=on_or_off(dig(siren.result, "status")) if siren.code == 0 else alarm,
            night=night(answers),
        )

    def switch(self, what: Can, value: bool | str) -> None:
        if what is Can.ALARM:
            self._alarm(bool(value))
        elif what is Can.PRIVACY:
            self._entry.ask(lambda tapo: tapo.setPrivacyMode(bool(value)))
        elif what is Can.LED:
            self._entry.ask(lambda tapo: tapo.setLEDEnabled(bool(value)))
        elif what is Can.NIGHT and value in ("auto", "on", "off"):
            self._entry.ask(lambda tapo: tapo.setDayNightMode(value))
        else:
            raise PtzError(Code.NOT_SUPPORTED, "This camera has no such switch.")

    def _alarm(self, is_on: bool) -> None:
        """Some models have an alarm by hand, others a siren, and none says beforehand which."""
        for is_siren in (False, True) if self._is_siren is None else (self._is_siren,):
            try:
                self._entry.ask(_sound(is_siren, is_on))
            except PtzError as error:
                if error.code is not Code.NOT_SUPPORTED:
                    raise
            else:
                self._is_siren, self._is_alarming = is_siren, is_on
                return
        raise PtzError(Code.NOT_SUPPORTED, "This camera's alarm cannot be started from here.")


def _sound(is_siren: bool, is_on: bool) -> Callable[[Any], object]:
    if is_siren:
        return lambda tapo: tapo.setSirenStatus(is_on)
    return lambda tapo: tapo.startManualAlarm() if is_on else tapo.stopManualAlarm()


def _code(ask: Callable[[], Any]) -> int:
    """The camera's error code to what is asked, 0 where it did it. Raises what is no answer of the camera's."""
    try:
        ask()
    except Exception as error:  # pytapo raises bare ones
        code = code_of(error)
        if code is None or is_session_over(code):
            raise
        return code
    return 0


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _rtsp_port(address: str) -> int:
    """The port of the streams: tapo://HOST?rtsp=8554."""
    asked = parse_qs(urlsplit(address).query).get("rtsp", [""])[0]
    return int(asked) if asked.isdecimal() and 0 < int(asked) < 65536 else _RTSP_PORT
