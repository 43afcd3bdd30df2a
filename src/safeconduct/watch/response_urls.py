"""Addresses of responses, liaison messages and requests for information."""

from __future__ import annotations

from django.urls import URLPattern, path

from safeconduct.watch import messages_views, response_views

urlpatterns: list[URLPattern] = [
    path("responses/", response_views.response_list, name="responses"),
    path("responses/new/", response_views.begin, name="new_response"),
    path("responses/<slug:response>/", response_views.response_page, name="response"),
    path("responses/<slug:response>/items/", response_views.add, name="add_item"),
    path("responses/<slug:response>/close/", response_views.close, name="close_response"),
    path("responses/<slug:response>/items/<slug:item>/", response_views.move, name="move_item"),
    path("responses/<slug:response>/items/<slug:item>/take/", response_views.take, name="take_item"),
    path("responses/<slug:response>/items/<slug:item>/told/", response_views.tell, name="tell_item"),
    path("responses/<slug:response>/items/<slug:item>/road/", response_views.road, name="road_item"),
    path("messages/", messages_views.message_box, name="messages"),
    path("messages/<slug:message>/", messages_views.message_page, name="message"),
    path("messages/<slug:message>/read/", messages_views.read, name="read_message"),
    path("translations/<slug:record>/", messages_views.translate, name="translate"),
    path("requests/", messages_views.request_list, name="requests"),
    path("requests/<slug:record>/", messages_views.request_page, name="request"),
    path("requests/<slug:record>/answer/", messages_views.answer, name="answer_request"),
    path("requests/<slug:record>/withdraw/", messages_views.withdraw, name="withdraw_request"),
]
