from django.urls import path

from safeconduct.reports import views

app_name = "reports"
urlpatterns = [
    path("", views.home, name="home"),
    path("situation/", views.situation_page, name="situation"),
    path("situation/file.pdf", views.situation_pdf, name="situation_pdf"),
    path("situation/filing/", views.file_situation, name="file_situation"),
    path("paper/<slug:record>/", views.record_page, name="record"),
    path("paper/<slug:record>/file.pdf", views.record_pdf, name="record_pdf"),
    path("paper/<slug:record>/filing/", views.file_record, name="file_record"),
    path("filed/<slug:report>/", views.filed, name="filed"),
    path("filed/<slug:report>/file.pdf", views.filed_file, name="filed_file"),
]
