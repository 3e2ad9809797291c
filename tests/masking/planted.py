"""Two hundred secrets that are none, in the forms and places in which real ones are found.

Each is made from a seed, so that no text in this repository looks like a leaked key to others.
"""

from __future__ import annotations

import base64
import random
import string
from dataclasses import dataclass

_ALNUM = string.ascii_letters + string.digits
_WORD = _ALNUM + "_-"
_HEX = "0123456789abcdef"


@dataclass(frozen=True)
class Form:
    """A secret, and a text that it stands in as people and tools write it."""

    label: str
    secret: str
    text: str


class _Maker:
    """Draws texts from a seed: the same each time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def draw(self, count: int, characters: str = _ALNUM) -> str:
        """Return a text of so many characters, with a digit in it."""
        drawn = [self._random.choice(characters) for _ in range(count)]
        drawn[count // 2] = str(self._random.randrange(10))
        return "".join(drawn)

    def word(self) -> str:
        """Return a password as people choose them: letters and digits, no key of any service."""
        stem = "".join(
            self._random.choice("bdfgklmnprst") + self._random.choice("aeiou") for _ in range(4)
        )
        return stem + str(self._random.randrange(100, 999))


# How tokens of services begin, how many characters follow, and which.
_TOKENS = [
    ("github", "ghp_", 36, _ALNUM), ("github-app", "ghs_", 36, _ALNUM),
    ("github-fine", "github_pat_", 82, _ALNUM + "_"), ("gitlab", "glpat-", 20, _WORD),
    ("huggingface", "hf_", 34, string.ascii_letters), ("openai", "sk-proj-", 74, _WORD),
    ("openai-old", "sk-", 48, _ALNUM), ("anthropic", "sk-ant-api03-", 95, _WORD),
    ("aws-id", "AKIA", 16, string.ascii_uppercase + "234567"), ("aws-temp", "ASIA", 16,
    string.ascii_uppercase + "234567"), ("google", "AIza", 35, _WORD), ("google-oauth", "ya29.",
    60, _WORD), ("google-client", "GOCSPX-", 28, _WORD), ("slack-bot", "xoxb-", 40, _ALNUM),
    ("slack-user", "xoxp-", 60, _ALNUM), ("slack-app", "xapp-1-", 40, _ALNUM), ("stripe",
    "sk_live_", 24, _ALNUM), ("stripe-restricted", "rk_live_", 24, _ALNUM), ("npm", "npm_", 36,
    _ALNUM), ("pypi", "pypi-AgEIcHlwaS5vcmc", 80, _WORD), ("docker", "dckr_pat_", 27, _WORD),
    ("databricks", "dapi", 32, _HEX), ("digitalocean", "dop_v1_", 64, _HEX), ("sendgrid", "SG.",
    66, _WORD), ("shopify", "shpat_", 32, _HEX), ("vault", "hvs.", 90, _WORD), ("linear",
    "lin_api_", 40, _ALNUM), ("figma", "figd_", 43, _WORD), ("grafana", "glsa_", 41, _ALNUM),
    ("groq", "gsk_", 52, _ALNUM), ("notion", "ntn_", 46, _ALNUM), ("newrelic", "NRAK-", 27,
    string.ascii_uppercase + string.digits), ("mailgun", "key-", 32, _HEX), ("twilio", "SK", 32,
    _HEX), ("atlassian", "ATATT3", 180, _WORD), ("sentry", "sntrys_", 60, _ALNUM), ("nvidia",
    "nvapi-", 64, _WORD), ("replicate", "r8_", 37, _ALNUM), ("perplexity", "pplx-", 48, _ALNUM),
    ("langsmith", "lsv2_pt_", 43, _HEX), ("tailscale", "tskey-auth-", 40, _ALNUM), ("pulumi",
    "pul-", 40, _HEX), ("postman", "PMAK-", 59, _HEX), ("xai", "xai-", 80, _ALNUM), ("neon",
    "napi_", 60, string.ascii_lowercase + string.digits), ("supabase", "sbp_", 40, _HEX),
    ("planetscale", "pscale_tkn_", 43, _WORD), ("rubygems", "rubygems_", 48, _HEX), ("alibaba",
    "LTAI", 20, _ALNUM), ("doppler", "dp.pt.", 43, _ALNUM),
]  # fmt: skip

# Lines in which a password stands under a name; {} is the password.
_NAMED = [
    'PASSWORD = "{}"', "password = '{}'", "DB_PASSWORD={}", "export DB_PASSWORD={}",
    "password: {}", '"password": "{}",', "{{'db_password': '{}'}}", 'password: str = "{}"',
    'connect(host="db", user="me", password="{}")', "os.environ['MY_SECRET'] = '{}'",
    'os.environ.setdefault("API_KEY", "{}")', 'os.getenv("DB_PASSWORD", "{}")',
    'api_key = SecretStr("{}")', "client_secret => '{}'", "<password>{}</password>",
    "Server=db;User Id=sa;Password={};Encrypt=yes", "--db-password {} --lr 0.1",
    "--db-password={} --lr 0.1", "machine example.org login me password {}",
    "spring.datasource.password={}", "  passwd: {}  # of the database", "the password is {}.",
    '{{\\"secret\\": \\"{}\\"}}', 'parser.add_argument("--api-key", type=str, default="{}")',
    'self.passphrase = "{}"', 'SECRET_KEY = b"{}"', "aws_secret_access_key = {}",
    "smtp_pwd='{}'", 'config["credentials"]["secret"] = "{}"', "Invalid API key: {}",
    'login(token="{}")', 'auth_token: "{}"', "ENV APP_SECRET {}", "ARG NPM_TOKEN={}",
    'set_password("{}")', "PGPASSWORD={} psql -h db", 'access_token="{}",',
    "private_key: '{}'", "contraseña: {}", "Kennwort={}",
]  # fmt: skip

# Addresses and headers; {} is the secret.
_CARRIED = [
    "postgres://me:{}@db.example.org:5432/x", "https://{}@example.org/team/code.git",
    "mongodb+srv://me:{}@cluster0.example.org/x?retryWrites=true", "redis://:{}@cache:6379/0",
    "amqp://guest:{}@mq//", "me:{}@db.example.org:5432/x", "ftp://me:{}@files.example.org",
    "https://x.example.org/f.csv?X-Amz-Signature={}&X-Amz-Expires=60",
    "https://x.example.org/f.csv?sv=2024&sig={}", "https://x.example.org/f?access_token={}",
    "https://x.example.org/f?a=1&api_key={}#top", "https://x.example.org/f?token={}",
    "https://storage.example.org/f?GoogleAccessId=me&Signature={}",
    "Authorization: Bearer {}", "Authorization: Basic {}", "'Authorization': 'token {}'",
    'curl -H "X-Api-Key: {}" https://example.org', 'curl -H "Authorization: Bearer {}" x.org',
    "Cookie: session={}; theme=dark", 'headers = {{"PRIVATE-TOKEN": "{}"}}',
    "Proxy-Authorization: Basic {}", "Set-Cookie: sid={}; Path=/", "got 401 for Bearer {}",
    "DefaultEndpointsProtocol=https;AccountName=me;AccountKey={};EndpointSuffix=x",
    "Endpoint=sb://x.example.org/;SharedAccessKeyName=k;SharedAccessKey={}",
    "SENTRY_DSN=https://{}@o1.ingest.example.org/2", "//registry.example.org/:_authToken={}",
    "jdbc:postgresql://db/x?user=me&password={}", "postgres://me:a/{}@db.example.org/x",
    "host=db dbname=x user=me password={}",
]  # fmt: skip


def forms(seed: int = 0) -> list[Form]:
    """Return one hundred and thirty secrets in their texts, drawn anew for each seed."""
    maker = _Maker(seed)
    found = [
        Form(label, secret := start + maker.draw(count, characters), f"we use {secret} for this")
        for label, start, count, characters in _TOKENS
    ]
    found += [Form(line, secret := maker.word(), line.format(secret)) for line in _NAMED]
    for line in _CARRIED:
        secret = maker.draw(28)
        if "Basic" in line:
            secret = base64.b64encode(f"me:{secret}".encode()).decode().rstrip("=")
        found.append(Form(line, secret, line.format(secret)))
    body = "\n".join(maker.draw(64, _ALNUM + "+/") for _ in range(3))
    for kind in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "PRIVATE KEY"):
        secret = maker.draw(64, _ALNUM + "+/")
        text = f"-----BEGIN {kind}-----\n{body}\n{secret}\n-----END {kind}-----"
        found.append(Form(kind, secret, text))
    jwt = ".".join("eyJ" + maker.draw(count, _WORD) for count in (33, 60)) + "." + maker.draw(43)
    found.append(Form("jwt", jwt, f"jwt {jwt}"))
    found += [Form("random", secret := maker.draw(40), f"it was {secret}") for _ in range(5)]
    return found
