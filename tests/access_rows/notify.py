"""Who may ask for what, of notifications; as in tests/test_routes.py: (alice, bob, charlie, nobody)."""

ROWS: dict[str, tuple[int, int, int, int]] = {
    "notifications/": (200, 200, 200, 302),
    "notifications/ways/": (405, 405, 405, 302),
    "notifications/ways/<int:pk>/": (405, 405, 405, 302),
    "notifications/quiet/": (405, 405, 405, 302),
    "notifications/rules/add/": (200, 200, 200, 302),
    "notifications/rules/start/": (405, 405, 405, 302),
    # Rules are one's own; tests/test_notify_pages.py has some.
    "notifications/rules/<int:pk>/": (404, 404, 404, 302),
    "notifications/push/": (405, 405, 405, 302),
    "notifications/push/key/": (200, 200, 200, 302),
    # The event of these tests has no picture; tests/test_notify_pages.py has one.
    "notifications/picture/<int:pk>/": (404, 403, 404, 302),
}
