"""Addresses of notifications."""

from django.urls import URLPattern

ROUTES: list[URLPattern] = []
