"""Files that hold keys and passwords, told by their names."""

from __future__ import annotations

LEFT_OUT = "[left out: "  # how the line in a diff begins that stands for such a file
_NAMES = frozenset(
    ".netrc _netrc .npmrc .pypirc .pgpass .my.cnf .mylogin.cnf .htpasswd .htaccess"
    " .git-credentials .dockercfg .dockerconfigjson .boto .s3cfg .vault-token .terraformrc"
    " terraform.rc .envrc credentials credentials.json credentials.yml credentials.yaml"
    " credentials.csv credentials.toml credentials.ini credentials.db client_secret.json"
    " client_secrets.json application_default_credentials.json service-account.json"
    " service_account.json serviceaccount.json kubeconfig kube.config accesstokens.json"
    " azureprofile.json secrets.toml secrets.yml secrets.yaml secrets.json secrets.env"
    " secrets.ini secret.yml secret.yaml secret.json secret.toml secret.txt secrets.txt"
    " password.txt passwords.txt token.txt .token master.key kaggle.json rclone.conf .rclone.conf"
    " terraform.tfvars terraform.tfstate terraform.tfstate.backup .databrickscfg .snowsql"
    " .modal.toml .comet.config".split()
)
_ENDINGS = (
    *(".pem", ".key", ".p12", ".pfx", ".pkcs12", ".p8", ".jks", ".keystore", ".kdb", ".kdbx"),
    *(".ppk", ".asc", ".gpg", ".pgp", ".agekey", ".ovpn", ".mobileprovision", ".tfvars"),
    *(".env", ".tfstate", ".htpasswd", ".pypirc", ".npmrc", ".netrc", ".kubeconfig", ".der"),
)
_BEGINNINGS = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".env", "client_secret")
_FOLDERS = frozenset(
    {".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", ".gcloud", "gcloud", ".secrets"}
)
_ACCOUNTS = ("service-account", "service_account", "serviceaccount", "firebase-adminsdk")


def holds_secrets(path: str) -> bool:
    """Whether a file of this path is one that holds keys or passwords: its content is no one's."""
    *folders, name = path.lower().replace("\\", "/").split("/")
    if name in _NAMES or name.endswith(_ENDINGS) or name.startswith(_BEGINNINGS):
        return not name.endswith(".pub")
    if not _FOLDERS.isdisjoint(folders):
        return True
    return name.endswith(".json") and any(account in name for account in _ACCOUNTS)
