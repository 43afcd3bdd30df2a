"""Signing in, one's own account, and the accounts that an administrator looks after."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as keys
from django.urls import include, path

from safeconduct.people import administration, health, leaving, oidc_views, own, passkeys

# The sign-in library names these pages itself. What it offers beyond (sign-up, e-mail, password by e-mail)
# has no page here.
sign_in = [
    path("login/", account.login, name="account_login"),
    path("oidc/", oidc_views.start, name="oidc_start"),
    path("oidc/callback/", oidc_views.callback, name="oidc_callback"),
    path("logout/", leaving.sign_out, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("password/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    path("2fa/", factor.index, name="mfa_index"),
    path("2fa/sign-in/", factor.authenticate, name="mfa_authenticate"),
    path("2fa/confirm/", factor.reauthenticate, name="mfa_reauthenticate"),
    path("2fa/totp/", totp.activate_totp, name="mfa_activate_totp"),
    path("2fa/totp/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("2fa/recovery-codes/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("passkeys/", keys.list_webauthn, name="mfa_list_webauthn"),
    path("passkeys/sign-in/", passkeys.sign_in, name="mfa_login_webauthn"),
    path("passkeys/add/", passkeys.add, name="mfa_add_webauthn"),
    path("passkeys/confirm/", keys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("passkeys/<int:pk>/", keys.edit_webauthn, name="mfa_edit_webauthn"),
    path("passkeys/<int:pk>/remove/", keys.remove_webauthn, name="mfa_remove_webauthn"),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include(sign_in)),
    path("account/", own.overview, name="people_account"),
    path("account/sessions/", own.sessions, name="people_sessions"),
    path("account/sessions/<int:pk>/end/", own.end_session, name="people_end_session"),
    path("account/sessions/end-others/", own.end_other_sessions, name="people_end_other_sessions"),
    path("account/tokens/", own.token_list, name="people_tokens"),
    path("account/tokens/<int:pk>/revoke/", own.revoke_token, name="people_revoke_token"),
    path("people/", administration.accounts, name="people_accounts"),
    path("people/new/", administration.new_account, name="people_new_account"),
    path("people/<uuid:pk>/", administration.account, name="people_edit_account"),
    path("people/<uuid:pk>/lock/", administration.lock, name="people_lock"),
    path("people/<uuid:pk>/reset/", administration.reset, name="people_reset"),
    path("people/<uuid:pk>/link/", administration.link, name="people_link"),
    path("people/<uuid:pk>/roles/", administration.give_role, name="people_give_role"),
    path("people/roles/<slug:record>/end/", administration.take_role, name="people_take_role"),
]
