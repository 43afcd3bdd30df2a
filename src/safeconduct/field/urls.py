"""Addresses of the devices' pages; what devices themselves send to is answered by `field.route`."""

from __future__ import annotations

from django.urls import path

from safeconduct.field import device_views, own_device_views

app_name = "field"

urlpatterns = [
    path("", device_views.devices, name="devices"),
    path("enrol/", device_views.enrol, name="enrol"),
    path("yours/", own_device_views.yours, name="yours"),
    path("yours/<slug:device>/confirm/", own_device_views.confirm, name="confirm"),
    path("yours/<slug:device>/code/", own_device_views.take_code, name="take_code"),
    path("yours/<slug:device>/revoke/", own_device_views.disown, name="disown"),
    path("<slug:device>/renew/", device_views.renew, name="renew"),
    path("<slug:device>/revoke/", device_views.revoke, name="revoke"),
]
