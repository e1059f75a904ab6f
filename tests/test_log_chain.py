"""LogLine: append-only and hash-chained, in the ORM and beneath it."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from camera.models import Camera
from main.models import AppendOnlyError, LogLine, ViewingSession

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def viewing(yard: Camera) -> ViewingSession:
    return ViewingSession.objects.create(
        user=yard.keeper,
        user_name="alice",
        camera=yard,
        camera_name="Yard",
        camera_slug="yard",
        key="k",
        transport="mjpeg",
        started_at=NOW,
        last_seen_at=NOW,
    )


def test_each_line_holds_the_hash_of_the_one_before(viewing: ViewingSession) -> None:
    lines = [LogLine.append("opened", viewing, NOW), LogLine.append("closed", viewing, NOW, seconds=3.5)]
    assert lines[0].previous == "0" * 64 and lines[1].previous == lines[0].hash
    for line in LogLine.objects.all():
        assert line.hash == line.digest()


def test_a_changed_line_no_longer_fits_its_hash(viewing: ViewingSession) -> None:
    line = LogLine.append("opened", viewing, NOW)
    line.user_name = "somebody else"
    assert line.hash != line.digest()


def test_the_orm_refuses_to_change_or_remove(viewing: ViewingSession) -> None:
    line = LogLine.append("opened", viewing, NOW)
    for act in (line.save, line.delete, LogLine.objects.all().delete, lambda: LogLine.objects.update(what="closed")):
        with pytest.raises(AppendOnlyError):
            act()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE main_logline SET user_name = 'x'",
        "DELETE FROM main_logline",
        "INSERT OR REPLACE INTO main_logline SELECT * FROM main_logline",
    ],
)
def test_the_database_refuses_it_too(viewing: ViewingSession, statement: str) -> None:
    LogLine.append("opened", viewing, NOW)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert LogLine.objects.count() == 1


def test_lines_outlive_camera_user_and_viewing(viewing: ViewingSession, yard: Camera) -> None:
    line = LogLine.append("opened", viewing, NOW)
    user = yard.keeper
    viewing.delete()
    yard.delete()
    assert user is not None
    user.delete()
    kept = LogLine.objects.get(pk=line.pk)
    assert (kept.user_name, kept.camera_name, kept.hash) == ("alice", "Yard", kept.digest())
