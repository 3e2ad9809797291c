"""Which names say that their value is a secret.

A name is cut into words at signs and at changes of case, so `AWS_SECRET_ACCESS_KEY`, `apiKey` and
`db-password` are understood, and `author`, `tokenizer` and `passes` are not taken for more than
they are.
"""

from __future__ import annotations

import re
from functools import lru_cache

HARD, SOFT, WEAK, KEYISH, SIGNED = "hard", "soft", "weak", "keyish", "signed"
LONGEST = 128  # of a name that is longer, the end is looked at

_NAME = re.compile(rf"[\w.\-/:\[\]() ]{{1,{LONGEST}}}\Z")
_LAST = re.compile(r"[^\w.\-]")
_WORDS = re.compile(r"[A-Z]{1,64}(?![a-z])|[A-Z]?[a-z\u00df-\u00ff]{1,64}|[0-9]{1,64}")

_PASSWORDS = frozenset(
    "password passwords passwd passphrase passphrases passcode pwd secret secrets credential"
    " credentials creds apikey apikeys apitoken accesskey secretkey privatekey accountkey authkey"
    " sharedkey authtoken accesstoken refreshtoken sessiontoken bearertoken clientsecret"
    " authorization otp totp pgpass passwort kennwort contraseña contrasena senha wachtwoord"
    " motdepasse lösenord hasło haslo sharedaccesskey pgpassword connectionstring".split()
)
_ENDINGS = (
    *("password", "passwords", "passwd", "passphrase", "secret", "apikey", "secretkey"),
    *("accesskey", "privatekey", "authtoken", "accesstoken", "authkey"),
)
_BEFORE_KEY = frozenset(
    "api app access private signing encryption session account secret shared master auth ssh"
    " storage service consumer client deploy gpg pgp rsa aes hmac decryption".split()
)
_BEFORE_TOKEN = frozenset(
    "access auth bearer api refresh session security bot personal deploy oauth csrf xsrf private"
    " service user login hf github gitlab slack wandb hub app client identity sso".split()
)
_BEFORE_TOKENS = frozenset(
    "access api auth bearer refresh oauth hf github gitlab slack bot deploy".split()
)
_SOFT = frozenset("token tokens auth bearer pass cookie cookies dsn jwt pat webhook".split())
_SINGLE = frozenset("token auth pass cookie dsn jwt pat webhook".split())  # HF_TOKEN=x
_SIGNED = frozenset("signature sig credential code key keys token sas st jwt hmac ticket".split())

# "token" is a word of language models too: these words in front of it, or behind, mean that.
_COUNTED = frozenset(
    "max min num n new total count per pad eos bos unk mask sep cls sos special image text visual"
    " audio input output prompt completion context class next prev last first avg mean seen train"
    " ignore sub start end stop tokenizer vocab batch expert every"
    " placeholder initializer instance rare prefix suffix middle fim boi eoi decoder".split()
)
_HARMLESS_AFTER = frozenset(
    "count counts length len type types limit id ids file files path paths name names rate size"
    " dim dims dropout embedding embeddings level loss accuracy acc per budget index mask field"
    " prompt policy enabled required expiry ttl method mode usage format class style endpoint"
    " url uri s sec second seconds step steps position positions ratio throughput min max mean"
    " dir folder var variable env arn version manager provider backend scheme merging pruning"
    " shift mixer mixing classification pattern regex jar error bits dataset sharing source".split()
)
_BEFORE_PASS = frozenset(
    "forward backward low high band all first second third last single one two three multi n num"
    " per by train eval".split()
)
_DIGESTS = frozenset(
    "sha sha1 sha256 sha512 md5 hash digest checksum integrity etag commit revision rev uuid guid"
    " fingerprint blake2b blake3 crc".split()
)


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `trainer.apiKey` -> trainer, api, key."""
    return tuple(word.lower() for word in _WORDS.findall(name[-LONGEST:]))


@lru_cache(4096)
def kind(name: str) -> str:
    """Return how surely a name says that its value is a secret.

    Returns:
        HARD: a password, key or credential, whatever its value. SOFT: only if the value is not an
        everyday word or number (`token`, `auth`). WEAK: only if it looks drawn at random,
        for the name rather tells of a count or a way (`tokens`, `token_pooling`). KEYISH:
        only if it looks drawn at random (`key`). SIGNED: only in the query of a URL (`sig`,
        `code`). "": not at all.
    """
    if not _NAME.match(name):  # a sentence, or markup: only how it ends may be a name
        name = _LAST.split(name[-LONGEST:])[-1]
    found = words(name)
    if not found:
        return ""
    for at in range(len(found) - 1, -1, -1):
        sure = _kind_at(found, at)
        if sure:
            after = found[at + 1 :]
            if after and after[-1] in _HARMLESS_AFTER:
                return KEYISH if after[-1] in {"id", "ids"} and sure == HARD else ""
            if sure == SOFT and (_counts(found, at) or any(map(str.isalpha, after))):
                return WEAK
            one_word = "_" not in name and found[at] != "token"
            of_environment = name.isupper() and found[at] in _SINGLE and not one_word
            return HARD if of_environment else sure
    if found[-1] in {"key", "keys"}:
        return KEYISH
    return SIGNED if found[-1] in _SIGNED else ""


def _counts(found: tuple[str, ...], at: int) -> bool:
    """Whether a word is "tokens" of a language model, of which there are so many."""
    return found[at] == "tokens" and not (at and found[at - 1] in _BEFORE_TOKENS)


def _kind_at(found: tuple[str, ...], at: int) -> str:
    word, before = found[at], found[at - 1] if at else ""
    if word in _PASSWORDS or word.endswith(_ENDINGS):
        return HARD
    if word in {"key", "keys"} and before in _BEFORE_KEY:
        return HARD
    if word == "string" and before == "connection":
        return HARD
    if word in {"token", "tokens"}:
        if _COUNTED.intersection(found[:at]):
            return ""
        return HARD if word == "token" and before in _BEFORE_TOKEN else SOFT
    is_step = word == "pass" and before in _BEFORE_PASS
    return SOFT if word in _SOFT and not is_step else ""


def is_digest(name: str) -> bool:
    """Whether a name says that its value tells content apart: random to look at, and no secret."""
    return not _DIGESTS.isdisjoint(words(name))
