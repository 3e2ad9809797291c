"""What is no secret stays: digests, ids, pictures, code, place holders and prose."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from pathlib import Path

import pytest

import tracksite
from tracksite.masking import find, mask_named, mask_text

SOURCES = Path(tracksite.__file__).parent


@pytest.mark.parametrize(
    "text",
    [
        "commit 2f4d5fffc8d90eea0a91be6c8882ca9fa3f2f418",
        f"run {uuid.UUID(int=7).hex} of {uuid.UUID(int=2**100)}",
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "integrity: sha512-" + base64.b64encode(hashlib.sha512(b"a").digest()).decode(),
        "digest=aB3xK9mQ2vL7pR5tY8wZ",
        "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(300)).decode(),
        "01ARZ3NDEKTSV4RRFFQ69G5FAV and 2024-11-03T10-22-33Z",
        "password = getpass()",
        "self.password = password",
        'password = os.environ["DB_PASSWORD"]',
        "def login(user: str, password: str) -> None:",
        "password: str | None = None",
        "api_key=${API_KEY} or <your key> or $API_KEY or ***",
        'tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")',
        'pad_token="<pad>", sep_token="[SEP]", max_tokens=512',
        "We pass: 3 of 5. The key: is 42. No password is needed.",
        "git@github.com:team/code.git and mailto:me@example.org",
        'parser.add_argument("--token", help="the token of the hub")',
        "EfficientNetB7NoisyStudent480x600 and ResNet50V2_ImageNet1K_Weights",
        "_ZN4core3fmt9Formatter3new17h1a2B3c4D5e6F7g8HE",
    ],
)
def test_what_is_no_secret_stays(text):
    """A reader sees the text as it was."""
    assert mask_text(text) == text


def test_little_of_plain_code_is_taken_for_secret():
    """In sources that are not about secrets at most one place in 100,000 characters is masked."""
    files = [path for path in SOURCES.rglob("*.py") if path.parent.name != "masking"]
    sources = [path.read_text(encoding="utf-8") for path in files]
    found = sum(len(find(source)) for source in sources)
    assert found <= sum(map(len, sources)) / 100_000


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("password", "x", "***"),
        ("optimizer.api_key", "x", "***"),
        ("HF_TOKEN", "abc", "***"),
        ("token", "12", "12"),
        ("use_auth", "True", "True"),
        ("max_tokens", "4096", "4096"),
        ("tokenizer", "bert", "bert"),
        ("data", "https://me:x@h/a.csv", "https://***@h/a.csv"),
        ("model_sha", "aB3xK9mQ2vL7pR5tY8wZ", "aB3xK9mQ2vL7pR5tY8wZ"),
        ("note", "aB3xK9mQ2vL7pR5tY8wZ", "***"),
    ],
)
def test_a_name_says_what_its_value_is(name, value, left):
    """The value of a secret name goes whole; of another, what in it is secret."""
    assert mask_named(name, value)[0] == left


def test_allowed_names_and_texts_stay():
    """What is said to be no secret is none, by its name or as a text."""
    assert mask_named("password", "x", allow=["password"]) == ("x", "")
    assert mask_named("password", "x", allow=["x"]) == ("x", "")
    assert find('api_key = "x1" # api_key = "x2"', allow=["x1"])[0].start > 20
    assert find('api_key = "x1"', allow=["api_key"]) == []


def test_known_secrets_are_found_wherever_they_stand():
    """A secret that is known from elsewhere is masked in plain words too."""
    assert mask_text("cannot log in with hunter22!", ["hunter22"]) == "cannot log in with ***!"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", "15000000000000"),
        ("tokens", "1.5e+13"),
        ("tokens_per_batch", "524288"),
        ("warmup_tokens", "375000000"),
        ("pretrain_tokens", "300B"),
        ("user_tokens", "1234567"),
        ("token_pooling", "mean"),
        ("token_reduction", "tome"),
        ("token_dropping", "layers 3-12"),
        ("initializer_token", "toy"),
        ("placeholder_token", "zwx1"),
        ("fim_prefix_token", "\u2581<PRE>"),
        ("forward_pass", "full"),
        ("low_pass_filter", "butterworth"),
        ("pass_band", "0.1-40"),
        ("secret_sharing", "shamir"),
        ("num_secret_bits", "128"),
        ("credential_source", "env"),
        ("s3_key", "datasets/2024/01/15/train-00001-of-00128.parquet"),
        ("cache_key", "imagenet_2012_v5_resize256"),
        ("primary_key", "customer_id_20240101"),
        ("keys", "['a1', 'b2', 'c3', 'd4']"),
        ("backbone", "sk-resnext-50-32x4d-imagenet"),
        ("run", "sk-learn-baseline-2024-01-15"),
    ],
)
def test_hyper_parameters_that_sound_secret_stay(name, value):
    """Counts of tokens, ways to treat them, passes and keys of data are no secrets anywhere."""
    assert mask_named(name, value) == (value, "")
    for text in (f"{name}={value}", f'{name}: "{value}"', f"train.py --{name} {value} --lr 0.1"):
        assert mask_text(text) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", "q8w2e9r4t7y1u6i3"),
        ("api_tokens", "correct-horse"),
        ("token_for_the_hub", "Zx8Kq2Lm9Pw4"),
        ("auth_data", "9f86d081884c7d65"),
        ("key", "Zx8Kq2Lm9Pw4Rt7Y"),
        ("key", "9f86d081884c7d659a2feaa0c55ad015"),
        ("key", "q8w2e9r4t7y1u6i3"),
        ("key", "sk-" + "a1B2" * 12),
        ("key", "sk-proj-" + "a1_B2-" * 8),
    ],
)
def test_what_is_drawn_under_such_names_is_masked(name, value):
    """A name that only sounds secret still gives away a value that no one would write by hand."""
    assert mask_named(name, value)[0] == "***"


@pytest.mark.parametrize(
    "text",
    [
        "Command '['mysql', '--password', '{}', '-u', 'me']' returned non-zero exit status 1.",
        "['train.py', '--lr', '0.1', '--hf-token', '{}']",
        '["train.py", "--api-key", "{}"]',
        '"args": [\n  "--api-key",\n  "{}"\n]',
        '{{\\"args\\": [\\"--api-key\\", \\"{}\\"]}}',
    ],
)
def test_a_command_line_written_as_a_list_is_masked(text):
    """What follows an option in a list of words is its value, as errors of subprocesses show it."""
    assert mask_text(text.format("hunter2222")) == text.format("***")


@pytest.mark.parametrize(
    "text",
    [
        "['--token-file', 'a1.txt']",
        "['--password', '--lr', '0.1']",
        "NAMES = ['password', 'user2name']",
        "['--tokens', '15000000000', '--seed', '1']",
        "p.add_argument('-t', '--token', type=str)",
    ],
)
def test_lists_without_a_secret_stay(text):
    """Files, further options, lists of names and counts are no values of a secret option."""
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "google-auth==2.40.1\nPyJWT==2.8.0\nazure-keyvault-secrets==4.7.0b1\n",
        "  - google-auth=2.40.1=pyhd8ed1ab_1\n  - cookies=2.2.1=py_1\n",
        'google-auth = "^2.40.1"\npyjwt = "2.1.0rc1"\n',
        '{"google-auth": "^2.40.1-rc.1", "http-cookies": ">=0.1.0"}',
        "azure-keyvault-secrets=4.7.0b1",
    ],
)
def test_versions_of_packages_stay(text):
    """Lists of packages are published though some are named after what they keep."""
    assert mask_text(text) == text
