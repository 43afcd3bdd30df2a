"""Django's settings for one node: `SAFECONDUCT_HOME` is its home, `SAFECONDUCT_PROCESS` the process, or `cli`.

Everything that differs between nodes stands in the `[node]` table of the home's `node.toml`; docs/operator.md has every
key. What is read here is what Django and the libraries of sign-in need of it.
"""

from __future__ import annotations

import os
import secrets
import warnings
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from safeconduct.node.databases import databases
from safeconduct.node.logs import configuration
from safeconduct.node.secret import secret_key
from safeconduct.node.sign_on import sign_on
from safeconduct.records.home import Home, HomeError

if not os.environ.get("SAFECONDUCT_HOME"):
    raise ImproperlyConfigured("SAFECONDUCT_HOME must name the node's home (or give --home DIR)")

HOME = Home.load(os.environ["SAFECONDUCT_HOME"])
PROCESS = os.environ.get("SAFECONDUCT_PROCESS", "cli")
_node = HOME.settings

DEBUG = False
# The gateway for devices knows no session, and has no part in the key that signs them.
SECRET_KEY = secrets.token_urlsafe(64) if PROCESS == "field" else secret_key(HOME)
ALLOWED_HOSTS = list(_node.get("allowed_hosts", ["localhost", "127.0.0.1", "[::1]"]))
ROOT_URLCONF = "safeconduct.node.urls"
ASGI_APPLICATION = "safeconduct.node.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "safeconduct.records",
    "safeconduct.exchange",
    "safeconduct.people",
    "safeconduct.timers",
    "safeconduct.notify",
    "safeconduct.positions",
    "safeconduct.shell",
    "safeconduct.incidents",
    "safeconduct.journeys",
    "safeconduct.watch",
    "safeconduct.registry",
    "safeconduct.committee",
    "safeconduct.oversight",
    "safeconduct.assessment",
    "safeconduct.reports",
    "safeconduct.api",
    "safeconduct.field",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "safeconduct.shell.security.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "safeconduct.people.middleware.PrincipalMiddleware",
    "safeconduct.shell.since.Since",
]

_context = [
    "django.template.context_processors.request",
    "django.template.context_processors.i18n",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
    "safeconduct.shell.context.shell",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": _context},
    }
]

# --- databases -------------------------------------------------------------------------------------------

DATABASES = databases(HOME, PROCESS)
DATABASE_ROUTERS = ["safeconduct.node.router.Router"]

# Rate limits and lock-outs are counted here: every worker sees one count, and a restart does not clear it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "people_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- accounts and sign-in --------------------------------------------------------------------------------

AUTH_USER_MODEL = "people.Account"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
_validation = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": _validation + "UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "display_name")},
    },
    {"NAME": _validation + "MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": _validation + "CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL

ACCOUNT_ADAPTER = "safeconduct.people.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,5/900s/key", "login": "60/m/ip"}

MFA_ADAPTER = "safeconduct.people.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = f"Safeconduct {HOME.name}"
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "safeconduct.people.codes.SignInCodeForm",
    "reauthenticate": "safeconduct.people.codes.ConfirmCodeForm",
    "authenticate_webauthn": "safeconduct.people.passkeys.SecondFactorForm",
    "reauthenticate_webauthn": "safeconduct.people.passkeys.ConfirmForm",
}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TRUST_ENABLED = False
USERSESSIONS_TRACK_ACTIVITY = False

try:
    OIDC = sign_on(HOME)
except HomeError as fault:
    raise ImproperlyConfigured(str(fault)) from fault

SECOND_FACTOR_REQUIRED = _node.get("second_factor", "required") != "optional"

# --- cookies and transport -------------------------------------------------------------------------------

TLS = bool(_node.get("tls_certificate")) or bool(_node.get("behind_tls"))
# Cookies ignore the port, so two nodes on one machine would overwrite each other's: each has its own names.
# With TLS the __Host- prefix also keeps a sibling domain from planting one.
_cookie = ("__Host-" if TLS else "") + f"sc_{HOME.party}_{_node.get('port', 8001)}"
SESSION_COOKIE_NAME = f"{_cookie}_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would show the sign-in page to who follows a link from a message
SESSION_COOKIE_SECURE = TLS
CSRF_COOKIE_NAME = f"{_cookie}_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SECURE = TLS
CSRF_COOKIE_AGE = None
LANGUAGE_COOKIE_NAME = f"{_cookie}_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = TLS
LANGUAGE_COOKIE_AGE = 365 * 86400
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 365 * 86400 if TLS else 0
SECURE_SSL_REDIRECT = bool(_node.get("behind_tls"))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _node.get("behind_tls") else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _node.get("behind_tls") else 0

SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # shell.security sets X-Frame-Options, on every answer
    "security.W005",  # HSTS for sub-domains and preloading would bind names that are not the node's
    "security.W021",
    "security.W008",  # with TLS of its own the node serves no plain HTTP that could be redirected
]

# Uploads stay in memory: an attachment must never lie unsealed in a temporary folder.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 24 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# --- languages -------------------------------------------------------------------------------------------

LANGUAGE_CODE = str(_node.get("language", "en"))
LANGUAGES = [("en", "English"), ("ur", "اردو"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [Path(__file__).resolve().parent.parent / "shell" / "locale"]
FORMAT_MODULE_PATH = "safeconduct.shell.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- static files ----------------------------------------------------------------------------------------

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # an installed package serves its own files; nothing is copied anywhere
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/dist/.+-[0-9A-Z]{8}\.[a-z0-9]+$"
# WhiteNoise's answers are files; Django reads them whole before it sends them, and says so each time.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

# --- logging: events without words ------------------------------------------------------------------------

LOGGING = configuration()
