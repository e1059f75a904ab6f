"""Who may ask for what, of notifications; as in tests/test_routes.py: (alice, bob, charlie, nobody)."""

ROWS: dict[str, tuple[int, int, int, int]] = {}
