"""Addresses of rings and their answers."""

from django.urls import URLPattern, path

from main.pages import rings

ROUTES: list[URLPattern] = [
    path("rings/", rings.index, name="rings"),
    path("rings/seen/", rings.seen, name="rings_seen"),
    path("rings/<int:pk>/", rings.ring, name="ring"),
    path("rings/<int:pk>/answer/", rings.answer, name="ring_answer"),
]
