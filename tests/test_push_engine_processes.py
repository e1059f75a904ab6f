"""A real house: frames by command, their rows at the answer, and a camera process that is killed while they come."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq.asyncio

from camera import bus
from camera.commands import AsyncCommands, ask_engine
from tests import push_scene
from tests.house import RealHouse, wait_for
from tests.push_house import jpeg

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("house"), {"CAMERA_PASSWORD": "pier-word-nobody-knows"})
    house.start()
    yield house
    house.stop()


def rows(house: RealHouse, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{house.folder}/db.sqlite3?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


def frame(house: RealHouse, **values: Any) -> dict[str, Any]:
    camera = rows(house, "SELECT id FROM camera_camera WHERE slug = 'spill'")[0][0]
    return push_scene.frame(camera, captured_at=time.time(), width=320, height=240) | values


def send(house: RealHouse, grey: int = 90, **values: Any) -> dict[str, Any]:
    body = frame(house, **values)
    endpoint = bus.endpoints(Path(house.environment["RUN_DIR"])).commands
    return ask_engine(endpoint, "frame", body, jpeg(320, 240, grey=grey), 6.0)[0]


def taken(house: RealHouse) -> bool:
    return send(house).get("ok") is True


def test_the_camera_of_the_password_takes_pictures(house: RealHouse) -> None:
    wait_for(lambda: taken(house), 15, "a picture to be taken")
    times = []
    for number in range(20):
        began = time.monotonic()
        assert send(house, number) == {"ok": True, "event": "", "known": False}
        times.append(time.monotonic() - began)
    print(f"a live picture in {sorted(times)[10] * 1000:.0f} ms")


def test_at_the_answer_the_rows_and_the_picture_are_there(house: RealHouse) -> None:
    wait_for(lambda: taken(house), 15, "a picture to be taken")
    times = []
    for number in range(5):
        began = time.monotonic()
        answer = send(house, 100 + number, kind="spill", sender_id="pier-7")
        times.append(time.monotonic() - began)
        assert answer["ok"] is True and not answer["known"]
        stills = rows(house, f"SELECT s.image, e.sender_id FROM camera_eventstill s JOIN camera_event e "
                             f"ON e.id = s.event_id WHERE e.uid = '{answer['event']}' ORDER BY s.id")  # noqa: S608 # fmt: skip
        assert len(stills) == number + 1 and stills[-1][1] == "pier-7"
        assert (house.folder / "media" / stills[-1][0]).read_bytes() == jpeg(320, 240, grey=100 + number)
    print(f"a flagged picture in {sorted(times)[2] * 1000:.0f} ms")
    again = send(house, 102, kind="spill", sender_id="pier-7")
    assert again == {"ok": True, "event": answer["event"], "known": True}
    send(house)
    ended = f"SELECT ended_at FROM camera_event WHERE uid = '{answer['event']}'"  # noqa: S608
    wait_for(lambda: rows(house, ended)[0][0], 5, "the end of the event")


def test_killed_while_pictures_come(house: RealHouse) -> None:
    wait_for(lambda: taken(house), 15, "a picture to be taken")
    answers: list[tuple[float, float, dict[str, Any]]] = []
    over = threading.Event()

    def sender() -> None:
        number = 0
        while not over.is_set():
            number += 1
            began = time.monotonic()
            answer = send(house, number % 200, kind="spill" if number % 2 else "", sender_id=f"k-{number}")
            answers.append((began, time.monotonic(), answer))

    threads = [threading.Thread(target=sender) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        (pid,) = house.pids("camera.process")
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_for(
            lambda: any(one[2]["ok"] and one[0] > killed + 0.3 for one in answers), 10, "pictures to be taken again"
        )
    finally:
        over.set()
        for thread in threads:
            thread.join()
    refused = [answer for _, _, answer in answers if not answer["ok"]]
    assert refused and {answer["code"] for answer in refused} <= {"camera_down", "busy"}
    assert "camera_down" in {answer["code"] for answer in refused}
    assert max(end - began for began, end, _ in answers) < 2.0, "somebody waited for a dead process"
    uids = {answer["event"] for _, _, answer in answers if answer["ok"] and answer["event"]}
    kept = {uid for (uid,) in rows(house, "SELECT uid FROM camera_event WHERE kind = 'spill'")}
    assert uids and uids <= kept, "what was answered is kept"
    back = min(one[1] for one in answers if one[2]["ok"] and one[0] > killed + 0.3)
    print(f"pictures are taken again {back - killed:.1f} s after the kill; {len(refused)} were refused meanwhile")
    assert rows(house, "SELECT count(*) FROM camera_event WHERE kind = 'camera_offline'") == [(0,)]


def test_two_hundred_frames_a_second_are_little_work_for_the_engine(house: RealHouse) -> None:
    """Its own CPU, with everything it does besides, for pictures of 100 kB."""
    wait_for(lambda: taken(house), 15, "a picture to be taken")
    (engine,) = house.pids("engine")
    plain, comment = jpeg(640, 480), b"\xff\xfe\xc3\x50" + bytes(49_998)
    data = plain[:2] + comment * 2 + plain[2:]
    endpoint = bus.endpoints(Path(house.environment["RUN_DIR"])).commands
    body = frame(house, width=640, height=480)
    count, used, began = Counter[str](), cpu(engine), time.monotonic()

    async def main() -> None:
        context = zmq.asyncio.Context()
        commands = AsyncCommands(context, endpoint)

        async def one() -> None:
            answer, _ = await commands.ask("frame", body | {"captured_at": time.time()}, data)
            count[answer.get("code", "taken")] += 1

        asked = []
        for _ in range(1000):
            asked.append(asyncio.create_task(one()))
            await asyncio.sleep(0.005)
        await asyncio.gather(*asked)
        commands.close()
        context.destroy(linger=0)

    asyncio.run(main())
    used, wall = cpu(engine) - used, time.monotonic() - began
    print(f"{dict(count)} in {wall:.1f} s: {used * 1000:.0f} µs of the engine each, {used / wall:.1%} of a core")
    assert count.total() == 1000 and set(count) <= {"taken", "busy"} and count["taken"] > 100
    assert used / 1000 < 0.002


def cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
