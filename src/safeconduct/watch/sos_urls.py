"""Addresses of SOS."""

from __future__ import annotations

from django.urls import URLPattern, path

from safeconduct.watch import sos_phone, sos_views

urlpatterns: list[URLPattern] = [
    path("sos/", sos_views.calls, name="calls"),
    path("sos/new/", sos_views.behalf, name="behalf"),
    path("sos/raise/", sos_phone.press, name="press"),
    path("sos/pass/", sos_phone.press_by_pass, name="press_by_pass"),
    path("sos/words/", sos_phone.safe_words, name="safe_words"),
    path("sos/<slug:sos>/", sos_views.call, name="sos"),
    path("sos/<slug:record>/acknowledge/", sos_views.acknowledge, name="acknowledge_sos"),
    path("sos/<slug:record>/task/", sos_views.task, name="task"),
    path("sos/<slug:record>/taskings/<slug:tasking>/", sos_views.move, name="move_tasking"),
    path("sos/<slug:record>/stand-down/", sos_views.stand_down, name="stand_down"),
    path("sos/<slug:record>/word/", sos_phone.say_word, name="say_word"),
]
