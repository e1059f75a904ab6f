"""Who may ask for what, of the installed page; as in tests/test_routes.py: (alice, bob, charlie, nobody)."""

ROWS: dict[str, tuple[int, int, int, int]] = {
    "manifest.webmanifest": (200, 200, 200, 200),
    "sw.js": (200, 200, 200, 200),
    "offline/": (200, 200, 200, 200),
}
