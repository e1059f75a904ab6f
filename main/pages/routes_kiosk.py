"""Addresses of the screens of the house."""

from django.urls import URLPattern

ROUTES: list[URLPattern] = []
