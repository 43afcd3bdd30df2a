from django.urls import path

from safeconduct.committee import negotiation_views, signing_views, views

app_name = "committee"
urlpatterns = [
    path("", views.agreements, name="agreements"),
    path("who-may/", views.who_may, name="who_may"),
    path("<slug:name>/", views.agreement, name="agreement"),
    path("<slug:name>/propose/", views.propose, name="propose"),
    path("<slug:name>/signatories/", signing_views.signatories, name="signatories"),
    path("<slug:name>/signatories/enrol/", signing_views.enrol, name="enrol"),
    path("<slug:name>/signatories/appoint/", signing_views.appoint, name="appoint"),
    path("<slug:name>/signatories/dismiss/<str:key>/", signing_views.dismiss, name="dismiss"),
    path("<slug:name>/clause/<slug:number>/", views.clause, name="clause"),
    path("<slug:name>/clause/<slug:number>/compare/", negotiation_views.compare, name="compare"),
    path("<slug:name>/clause/<slug:number>/history/", negotiation_views.history, name="clause_history"),
    path("<slug:name>/clause/<slug:number>/remarks/<slug:record>/", negotiation_views.settle, name="settle"),
    path("<slug:name>/clause/<slug:number>/remark/<str:digest>/", negotiation_views.remark, name="remark"),
    path("<slug:name>/clause/<slug:number>/file/<str:digest>/", views.clause_file, name="clause_file"),
    path(
        "<slug:name>/clause/<slug:number>/sign/<slug:to>/<str:digest>/",
        signing_views.sign,
        name="sign",
    ),
]
