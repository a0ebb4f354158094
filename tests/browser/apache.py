"""Apache with mod_auth_openidc as Debian ships it, in the foreground, with a configuration of its own: a page behind a sign-in that shows the claims."""
import glob
import os
import secrets
import shutil
import urllib.request
from pathlib import Path

from support.processes import Child, Folder, free_ports, plain_environment, wait_for

MODULES = Path("/usr/lib/apache2/modules")
CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
ErrorLog {folder}/error.log
LogLevel warn auth_openidc:info
{modules}
DocumentRoot {folder}/www
TypesConfig /dev/null
AddType text/html .shtml .html
AddOutputFilter INCLUDES .shtml
DirectoryIndex index.shtml
<Directory {folder}/www>
  Options +Includes
  Require all granted
</Directory>

OIDCProviderMetadataURL {issuer}.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI {url}/protected/redirect_uri
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid email profile"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCPassClaimsAs environment
<Location /protected>
  AuthType openid-connect
  Require valid-user
</Location>
"""
LOADED = "mpm_event authn_core authz_core authz_user auth_openidc mime dir include env"
CLAIMS = ("preferred_username", "email", "name", "groups", "iss", "sub")


class Apache:
    """`with Apache(issuer, client_id, client_secret) as apache`: {apache.url}/protected/ needs a sign-in, {apache.url}/bye.html does not."""

    def __init__(self, issuer, client_id, client_secret):
        self.port = free_ports(1)[0]
        self.url = f"http://localhost:{self.port}"
        self.settings = {"issuer": issuer, "client_id": client_id, "client_secret": client_secret}

    def __enter__(self):
        self.folder = Folder("apache")
        folder = self.folder.path
        self.user = "www-data" if os.geteuid() == 0 else None
        pages = folder / "www"
        (pages / "protected").mkdir(parents=True)
        rows = "".join(f'<dt>{c}</dt><dd id="{c}"><!--#echo var="OIDC_CLAIM_{c}" --></dd>\n' for c in CLAIMS)
        head = '<!doctype html><html lang="en"><meta charset="utf-8">'
        (pages / "protected" / "index.shtml").write_text(f"{head}<title>Protected</title><h1>Welcome</h1>\n<dl>\n{rows}</dl>\n")
        (pages / "bye.html").write_text(f"{head}<title>Bye</title><h1>Goodbye</h1>\n")
        modules = "\n".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so" for m in LOADED.split() if (MODULES / f"mod_{m}.so").exists())
        text = CONFIGURATION.format(folder=folder, port=self.port, url=self.url, modules=modules, passphrase=secrets.token_hex(16), **self.settings)
        (folder / "apache.conf").write_text(text)
        if self.user:
            for path in [str(folder), *glob.glob(f"{folder}/**", recursive=True)]:
                shutil.chown(path, self.user, self.user)
        self.child = Child(["/usr/sbin/apache2", "-d", folder, "-f", folder / "apache.conf", "-DFOREGROUND"], folder / "out.log", plain_environment({}), cwd=folder, user=self.user)
        try:
            wait_for(lambda: self.answers() or not self.child.alive(), 20, "Apache")
            if not self.child.alive():
                raise RuntimeError(f"Apache did not start\n{self.log()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        try:
            return urllib.request.urlopen(f"{self.url}/bye.html", timeout=2).status == 200
        except OSError:
            return False

    def log(self):
        error = self.folder.path / "error.log"
        return self.child.tail() + "\n" + (error.read_text(errors="replace")[-2000:] if error.exists() else "")

    def __exit__(self, *_):
        self.child.stop()
        self.folder.__exit__()
