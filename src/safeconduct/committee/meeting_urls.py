"""Addresses of meetings."""

from __future__ import annotations

from django.urls import URLPattern, path

from safeconduct.committee import meeting_acts as acts
from safeconduct.committee import meeting_views as views

app_name = "meetings"

_ONE = "meetings/<slug:meeting>/"
urlpatterns: list[URLPattern] = [
    path("", views.meeting_list, name="meetings"),
    path("register/", views.register, name="register"),
    path("meetings/new/", views.call, name="call"),
    path(_ONE, views.meeting_page, name="meeting"),
    path(_ONE + "meeting.ics", views.calendar, name="calendar"),
    path(_ONE + "amend/", views.amend, name="amend"),
    path(_ONE + "state/", acts.move_on, name="move_on"),
    path(_ONE + "attendances/", acts.attend, name="attend"),
    path(_ONE + "attendances/<slug:attendance>/", acts.answer, name="answer"),
    path(_ONE + "attendances/<slug:attendance>/seat/", acts.seat, name="seat"),
    path(_ONE + "seats/<slug:seat>/end/", acts.end_seat, name="end_seat"),
    path(_ONE + "items/", acts.put_item, name="put_item"),
    path(_ONE + "items/<slug:item>/", acts.amend_item, name="amend_item"),
    path(_ONE + "items/<slug:item>/move/", acts.move_item, name="move_item"),
    path(_ONE + "items/<slug:item>/end/", acts.end_item, name="end_item"),
    path(_ONE + "items/<slug:item>/papers/", acts.lay_paper, name="lay_paper"),
    path(_ONE + "items/<slug:item>/minutes/", acts.write_minutes, name="write_minutes"),
    path(_ONE + "items/<slug:item>/decisions/", acts.decide, name="decide"),
    path(_ONE + "papers/<slug:paper>/", acts.paper, name="paper"),
    path(_ONE + "minutes/<slug:minutes>/propose/", acts.propose_minutes, name="propose_minutes"),
    path(_ONE + "minutes/<slug:minutes>/answer/", acts.answer_minutes, name="answer_minutes"),
    path(_ONE + "decisions/<slug:decision>/end/", acts.end_decision, name="end_decision"),
    path(_ONE + "decisions/<slug:decision>/reserve/", acts.reserve, name="reserve"),
    path(_ONE + "reservations/<slug:reservation>/lift/", acts.lift_reservation, name="lift_reservation"),
    path("register/reservations/<slug:reservation>/lift/", acts.lift_reservation, name="lift_in_register"),
    path(_ONE + "actions/on/<slug:about>/", acts.act, name="act"),
    path(_ONE + "actions/<slug:action>/", acts.report_action, name="report_action"),
]
