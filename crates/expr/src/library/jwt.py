import base64
import hashlib
import json
import datetime
import time
algorithms = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
# The engine has no classes of errors of one's own: all of them are this one.
PyJWTError = InvalidTokenError = DecodeError = ValueError



def unpacked(part):
    data = part.encode() if isinstance(part, str) else part
    try:
        return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
    except Exception:
        raise ValueError("Invalid token encoding")


def parts_of(token):
    token = token.decode() if isinstance(token, bytes) else token
    if not isinstance(token, str):
        raise ValueError("Invalid token type. Token must be a <class 'bytes'>")
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("Not enough segments")
    try:
        header = json.loads(unpacked(parts[0]).decode())
        payload = json.loads(unpacked(parts[1]).decode())
    except Exception:
        raise ValueError("Invalid token encoding")
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise ValueError("Invalid payload string: must be a json object")
    return parts, header, payload


def get_unverified_header(jwt):
    return parts_of(jwt)[1]


def secret_of(key):
    return key.encode() if isinstance(key, str) else key


def packed(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(key, algorithm, text):
    if algorithm not in algorithms:
        raise NotImplementedError("jwt knows the algorithms HS256, HS384 and HS512 here, not " + str(algorithm))
    return _signet_m_hmac.digest(secret_of(key), text.encode(), algorithms[algorithm])


def encode(payload, key, algorithm="HS256", headers=None):
    header = {"alg": algorithm, "typ": "JWT", **(headers or {})}
    claims = {name: int(value.timestamp()) if name in ("exp", "iat", "nbf") and isinstance(value, datetime.datetime) else value for name, value in payload.items()}
    text = packed(json.dumps(header, separators=(",", ":"), sort_keys=True).encode()) + "." + packed(json.dumps(claims, separators=(",", ":")).encode())
    return text + "." + packed(signed(key, algorithm, text))


def decode(jwt, key="", algorithms=None, options=None, audience=None, issuer=None, leeway=0, **more):
    parts, header, payload = parts_of(jwt)
    options = options or {}
    verified = options.get("verify_signature", True)
    if verified:
        if not algorithms:
            raise ValueError('It is required that you pass in a value for the "algorithms" argument when calling decode().')
        if header.get("alg") not in algorithms:
            raise ValueError("The specified alg value is not allowed")
        if not _signet_m_hmac.compare_digest(unpacked(parts[2]), signed(key, header["alg"], parts[0] + "." + parts[1])):
            raise ValueError("Signature verification failed")
    for name in options.get("require", []):
        if payload.get(name) is None:
            raise ValueError('Token is missing the "' + name + '" claim')
    leeway = leeway.total_seconds() if isinstance(leeway, datetime.timedelta) else leeway
    if "exp" in payload and options.get("verify_exp", verified) and payload["exp"] <= time.time() - leeway:
        raise ValueError("Signature has expired")
    if "nbf" in payload and options.get("verify_nbf", verified) and payload["nbf"] > time.time() + leeway:
        raise ValueError("The token is not yet valid (nbf)")
    if "iat" in payload and options.get("verify_iat", verified) and payload["iat"] > time.time() + leeway:
        raise ValueError("The token is not yet valid (iat)")
    if issuer is not None and options.get("verify_iss", verified) and payload.get("iss") not in ([issuer] if isinstance(issuer, str) else issuer):
        raise ValueError("Invalid issuer")
    if options.get("verify_aud", verified):
        given = payload.get("aud")
        if audience is None and given:
            raise ValueError("Invalid audience")
        if audience is not None:
            wanted = [audience] if isinstance(audience, str) else audience
            if not any([one in wanted for one in ([given] if isinstance(given, str) else given or [])]):
                raise ValueError("Audience doesn't match")
    return payload
