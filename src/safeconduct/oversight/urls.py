from django.urls import path
from django.views.generic import RedirectView

from safeconduct.oversight import (
    access_views,
    emergency_views,
    inquiry_views,
    ledger_views,
    sealed_views,
    second_person_views,
    views,
    who_knew_views,
)

app_name = "oversight"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="oversight:ledger"), name="index"),
    path("ledger/", ledger_views.ledger, name="ledger"),
    path("ledger/verify/", ledger_views.start_verification, name="start_verification"),
    path("ledger/verify/<slug:run>/", ledger_views.verification, name="verification"),
    path("readings/", ledger_views.readings, name="readings"),
    path("knew/<slug:record>/", who_knew_views.page, name="who_knew"),
    path("knew/<slug:record>/report/", who_knew_views.report, name="who_knew_report"),
    path("knew/<slug:record>/inquiry/", inquiry_views.open_on, name="open_inquiry"),
    path("inquiries/", inquiry_views.inquiries, name="inquiries"),
    path("inquiries/<slug:inquiry>/", inquiry_views.inquiry, name="inquiry"),
    path("access/", access_views.who_may, name="who_may"),
    path("access/accounts/", access_views.accounts, name="accounts"),
    path("access/unusual/", access_views.unusual, name="unusual"),
    path("access/emergencies/", emergency_views.emergencies, name="emergencies"),
    path("access/emergencies/<slug:reading>/seen/", emergency_views.review, name="review_emergency"),
    path("break-glass/", emergency_views.break_glass, name="break_glass"),
    path("break-glass/end/", emergency_views.mend_glass, name="mend_glass"),
    path("second-person/", second_person_views.requests, name="second_person"),
    path("second-person/bulk/", second_person_views.ask_in_bulk, name="ask_in_bulk"),
    path("second-person/<slug:record>/", second_person_views.one_request, name="second_person_request"),
    path("refusals/", ledger_views.refusals, name="refusals"),
    path("status/", views.status, name="status"),
    path("link/", views.link_health, name="link"),
    path("preview/<slug:record>/", views.preview_anyone, name="preview_anyone"),
    path("preview/<slug:record>/<slug:partner>/", views.preview, name="preview"),
    path("sealed/", sealed_views.sealed, name="sealed"),
    path("sealed/<slug:bundle>/file/", sealed_views.sealed_file, name="sealed_file"),
    path("sealed/<slug:bundle>/open/", sealed_views.open_sealed, name="open_sealed"),
    path("seal/<slug:record>/", sealed_views.seal, name="seal"),
    path("holdings/", views.holdings, name="holdings"),
    path("holdings/<slug:record>/", views.held_record, name="held_record"),
    path("holdings/<slug:record>/<slug:act>/", views.recall, name="recall"),
]
