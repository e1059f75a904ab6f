"""Addresses of the screens of the house."""

from django.urls import URLPattern, path

from main.pages import kiosk, kiosk_owners

ROUTES: list[URLPattern] = [
    path("kiosk/", kiosk.kiosk, name="kiosk"),
    path("kiosk/pair/", kiosk.pair, name="kiosk_pair"),
    path("kiosk/state/", kiosk.state, name="kiosk_state"),
    path("kiosk/ring/", kiosk.ring, name="kiosk_ring"),
    path("people/kiosks/", kiosk_owners.index, name="kiosks"),
    path("people/kiosks/<int:pk>/", kiosk_owners.change, name="kiosk_device"),
]
