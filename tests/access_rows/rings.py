"""Who may ask for what, of rings and their answers; as in tests/test_routes.py: (alice, bob, charlie, nobody)."""

ROWS: dict[str, tuple[int, int, int, int]] = {
    "rings/": (200, 200, 200, 302),
    "rings/seen/": (405, 405, 405, 302),
    "rings/<int:pk>/": (200, 200, 404, 302),
    "rings/<int:pk>/answer/": (405, 405, 405, 302),
    "api/v1/events/<id>/answer": (405, 405, 405, 405),
}
