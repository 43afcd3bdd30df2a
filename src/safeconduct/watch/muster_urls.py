"""Addresses of musters."""

from __future__ import annotations

from django.urls import URLPattern, path

from safeconduct.watch import muster_phone, muster_views

urlpatterns: list[URLPattern] = [
    path("", muster_views.musters, name="musters"),
    path("entries/<slug:entry>/", muster_phone.answer, name="answer_muster"),
    path("<slug:record>/", muster_views.board, name="muster"),
    path("<slug:record>/say/", muster_views.say, name="say_muster"),
    path("<slug:record>/take/", muster_views.take, name="take_help"),
    path("<slug:record>/close/", muster_views.close, name="close_muster"),
]
