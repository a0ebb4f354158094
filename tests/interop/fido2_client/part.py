"""fido2 (Yubico, PyPI) as the authenticator's and the other relying party's side: its bytes are accepted, its judgement
agrees with ours, and what it would refuse is refused."""
import hashlib
import os
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2.cose import ES256, ES384, RS256, EdDSA
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData, PublicKeyCredentialCreationOptions, PublicKeyCredentialRequestOptions, PublicKeyCredentialRpEntity,
)
from support.api import Person
from support.server import Signet

LOGIN, SETUP = "default-authentication-flow", "default-authenticator-webauthn-setup"
VALIDATE = "ak-stage-authenticator-validate"
FLAG = AuthenticatorData.FLAG
KINDS = {
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ES256, lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA256()))),
    "ES384": (lambda: ec.generate_private_key(ec.SECP384R1()), ES384, lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA384()))),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, EdDSA, lambda key, data: key.sign(data)),
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), RS256, lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())),
}


class Authenticator:
    """One credential, written and signed with fido2's own types."""

    def __init__(self, kind, origin):
        make, cose, self._sign = KINDS[kind]
        self.kind, self.origin, self.key = kind, origin, make()
        self.public = cose.from_cryptography_key(self.key.public_key())
        self.id, self.counter, self.handle, self.rp = os.urandom(32), 0, b"", urlsplit(origin).hostname

    def sign(self, data):
        return self._sign(self.key, data)

    def data(self, flags, credential=b""):
        self.counter += 1
        return AuthenticatorData.create(hashlib.sha256(self.rp.encode()).digest(), flags, self.counter, credential)

    def answer(self, **response):
        encoded = {name: websafe_encode(bytes(value)) for name, value in response.items()}
        return {"id": websafe_encode(self.id), "rawId": websafe_encode(self.id), "type": "public-key", "response": encoded, "clientExtensionResults": {}}

    def create(self, options, attest=True):
        self.handle = options.user.id
        client = CollectedClientData.create("webauthn.create", options.challenge, self.origin)
        self.attested = AttestedCredentialData.create(bytes(16), self.id, self.public)
        data = self.data(FLAG.UP | FLAG.UV | FLAG.AT, self.attested)
        statement = {"alg": self.public.ALGORITHM, "sig": self.sign(data + client.hash)} if attest else {}
        return self.answer(clientDataJSON=client, attestationObject=AttestationObject.create("packed" if attest else "none", data, statement))

    def get(self, options, flags=FLAG.UP | FLAG.UV):
        client = CollectedClientData.create("webauthn.get", options.challenge, self.origin)
        data = self.data(flags)
        return self.answer(clientDataJSON=client, authenticatorData=data, signature=self.sign(data + client.hash), userHandle=self.handle)


class Visitor(Person):
    def flow(self, slug, **sent):
        return self.step(slug, body=sent or None)

    def login(self, server):
        """Name and password; what is asked then."""
        self.flow(LOGIN)
        self.flow(LOGIN, component="ak-stage-identification", uid_field="akadmin")
        return self.flow(LOGIN, component="ak-stage-password", password=server.password)


def webauthn(challenge):
    return next(d["challenge"] for d in challenge["device_challenges"] if d["device_class"] == "webauthn")


def run(report, database):
    with Signet("fido2", database) as server:
        rp = PublicKeyCredentialRpEntity(id="127.0.0.1", name="Signet")
        # What fido2 finds right is right; it asks for https elsewhere, so the origin is compared here.
        judge = Fido2Server(rp, verify_origin=lambda origin: origin == server.base)
        keys = []
        for kind in KINDS:
            person = Visitor(server.base)
            seen = person.login(server)
            if keys:
                options = PublicKeyCredentialRequestOptions.from_dict(webauthn(seen))
                seen = person.flow(LOGIN, component=VALIDATE, webauthn=keys[0].get(options))
            report.check(seen["component"] == "xak-flow-redirect", f"{kind}: signed in to add a key", seen)
            person.http.get(server.base + "/if/user/", timeout=30)
            challenge = person.flow(SETUP)
            options = PublicKeyCredentialCreationOptions.from_dict(challenge["registration"])
            report.check(len(options.challenge) >= 16 and options.rp.id == "127.0.0.1" and len(options.exclude_credentials or []) == len(keys), f"{kind}: fido2 reads the options", challenge)
            key = Authenticator(kind, server.base)
            answer = key.create(options, attest=kind != "RS256")
            state = {"challenge": websafe_encode(options.challenge), "user_verification": None}
            judge.register_complete(state, answer)
            seen = person.flow(SETUP, component="ak-stage-authenticator-webauthn", response=answer)
            report.check(seen["component"] == "xak-flow-redirect", f"{kind}: a key that fido2 accepts is registered", seen)
            keys.append(key)
        for key in keys:
            person = Visitor(server.base)
            options = PublicKeyCredentialRequestOptions.from_dict(webauthn(person.login(server)))
            known = {bytes(d.id) for d in options.allow_credentials}
            answer = key.get(options)
            judge.authenticate_complete({"challenge": websafe_encode(options.challenge), "user_verification": None}, [k.attested for k in keys], answer)
            broken = answer | {"response": answer["response"] | {"signature": websafe_encode(b"\0" + key.sign(b"something else"))}}
            refused = person.flow(LOGIN, component=VALIDATE, webauthn=broken)
            again = PublicKeyCredentialRequestOptions.from_dict(webauthn(refused))
            late = person.flow(LOGIN, component=VALIDATE, webauthn=answer)
            final = PublicKeyCredentialRequestOptions.from_dict(webauthn(late))
            seen = person.flow(LOGIN, component=VALIDATE, webauthn=key.get(final))
            good = "response_errors" in refused and "response_errors" in late and again.challenge != options.challenge and seen["component"] == "xak-flow-redirect"
            report.check(good and known == {k.id for k in keys}, f"{key.kind}: signs in; a wrong signature and a used challenge do not", (refused, late, seen))
