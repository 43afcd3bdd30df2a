"""Addresses of telling people."""

from __future__ import annotations

from django.urls import URLPattern, path

from safeconduct.watch import notify_views

urlpatterns: list[URLPattern] = [
    path("on-call/", notify_views.on_call, name="on_call"),
    path("on-call/<slug:shift>/take-over/", notify_views.take_over, name="take_over"),
    path("on-call/<slug:shift>/hand-over/", notify_views.hand_over, name="hand_over"),
    path("ladders/", notify_views.ladders, name="ladders"),
    path("ladders/new/", notify_views.new_ladder, name="new_ladder"),
    path("ladders/<slug:ladder>/end/", notify_views.end_ladder, name="end_ladder"),
    path("contact-points/", notify_views.contact_points, name="contact_points"),
    path("contact-points/<slug:point>/remove/", notify_views.remove_point, name="remove_point"),
    path("contact-points/<slug:point>/prefer/", notify_views.prefer_point, name="prefer_point"),
    path("deliveries/", notify_views.deliveries, name="deliveries"),
]
