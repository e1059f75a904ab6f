"""Addresses of the installed page: manifest, service worker, offline page."""

from django.urls import URLPattern, path

from main.pages import pwa

ROUTES: list[URLPattern] = [
    path("manifest.webmanifest", pwa.manifest, name="manifest"),
    path("sw.js", pwa.worker, name="service_worker"),
    path("offline/", pwa.offline, name="offline"),
]
