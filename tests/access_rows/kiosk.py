"""Who may ask for what, of the screens of the house; as in tests/test_routes.py: (alice, bob, charlie, nobody)."""

ROWS: dict[str, tuple[int, int, int, int]] = {
    "kiosk/": (200, 200, 200, 200),
    "kiosk/pair/": (405, 405, 405, 405),
    "kiosk/state/": (403, 403, 403, 401),
    "kiosk/ring/": (405, 405, 405, 405),
    "people/kiosks/": (200, 403, 403, 302),
    # There is no screen of that number here; tests/test_kiosk_owners.py has one.
    "people/kiosks/<int:pk>/": (404, 403, 403, 302),
}
