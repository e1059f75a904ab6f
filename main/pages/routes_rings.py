"""Addresses of rings and their answers."""

from django.urls import URLPattern

ROUTES: list[URLPattern] = []
