"""Addresses of the installed page: manifest, service worker, offline page."""

from django.urls import URLPattern

ROUTES: list[URLPattern] = []
