"""Command lines lose their secrets, however they are given, and keep all else."""

from __future__ import annotations

import pytest

from tracksite.masking import mask_words
from tracksite.masking.files import holds_secrets


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        (["-p", "x"], ["-p", "***"]),
        (["mysql", "-phunter2"], ["mysql", "-p***"]),
        (["curl", "-u", "me:x"], ["curl", "-u", "me:***"]),
        (["-H", "Authorization: Bearer abc.def-1"], ["-H", "Authorization: ***"]),
        (["-H", "X-Api-Key: abc"], ["-H", "X-Api-Key: ***"]),
        (['{"password": "x", "lr": 1}'], ['{"password": "***", "lr": 1}']),
        (['--conf={"db": {"secret": "x"}}'], ['--conf={"db": {"secret": "***"}}']),
        (
            ["https://h/f?X-Amz-Signature=0f&X-Amz-Expires=9"],
            ["https://h/f?X-Amz-Signature=***&X-Amz-Expires=9"],
        ),
        (["--data=https://h/f?sig=0f"], ["--data=https://h/f?sig=***"]),
        (["me:x1@db.example.org:5432/a"], ["***@db.example.org:5432/a"]),
        (["--credentials", "me", "x"], ["--credentials", "***", "***"]),
        (["--password", "x", "hunter2"], ["--password", "***", "***"]),
        (["--password", "x", "data.csv"], ["--password", "***", "data.csv"]),
        (["-c", "import a; a.f(password='x')"], ["-c", "import a; a.f(password='***')"]),
        (["-c", 'TOKEN = """x"""'], ["-c", 'TOKEN = """***"""']),
        (["password:", "hunter2"], ["password:", "***"]),
        (["Bearer", "a1b2c3d4e5"], ["Bearer", "***"]),
        (["DB_PASSWORD=x", "python"], ["DB_PASSWORD=***", "python"]),
    ],
)
def test_secrets_in_every_part_of_a_command_are_masked(words, masked):
    """Short options, headers, JSON, URLs, second values and the code of -c lose their secrets."""
    assert mask_words(words) == masked
    assert mask_words(masked) == masked


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "8080", "-p", "0.5", "-pix", "-param=3"],
        ["--model", "bert-base-uncased", "--max-tokens", "512", "--token-budget=100"],
        ["--config", "conf/resnet50_v2.yaml", "--resume", "runs/3f2504e04f8911d39a0c0305e82c3301"],
        ["--commit", "2f4d5fffc8d90eea0a91be6c8882ca9fa3f2f418", "--seed", "20240101"],
        ["--image", "repo/img:1.2@sha256:" + "0123456789abcdef" * 4],
        ["--auth", "True", "--passes", "3", "--key", "loss", "--sort-key=val/accuracy"],
        ["-c", "password = os.environ['DB_PASSWORD']; token = get_token(path); f(key=key)"],
        ["--uuid", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "--date", "2024-11-03T10:22:33Z"],
    ],
)
def test_what_is_no_secret_stays_in_a_command(words):
    """Ports, ids, digests, commits, names of models and code that reads a secret stay."""
    kept = mask_words(words)
    assert kept == words


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "a/.env.production", "prod.env", ".ENV", "keys/server.pem", ".ssh/config"),
        *("id_rsa", ".netrc", "cert.p12", ".aws/credentials", ".npmrc", ".pypirc", "kubeconfig"),
        *("my-service-account-1.json", "client_secret_1.json", ".kube/config", "terraform.tfvars"),
    ],
)
def test_files_with_keys_are_told_by_their_names(path):
    """Settings of the environment, keys and credentials of tools are known, in any folder."""
    assert holds_secrets(path)


@pytest.mark.parametrize(
    "path",
    ["train.py", "environment.yml", "tokenizer.json", "id_rsa.pub", "keys.py", "monkey.csv"],
)
def test_other_files_are_read(path):
    """What only looks a little like such a file is none."""
    assert not holds_secrets(path)
