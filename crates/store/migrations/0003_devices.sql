-- Second factors of people. `uuid` is the place that `secret` is sealed to, since the number is only known afterwards.
-- `counter`: the last time step of a TOTP device, the signature count of a WebAuthn one.
CREATE TABLE device (
    id {id},
    uuid TEXT NOT NULL,
    kind TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    confirmed BIGINT NOT NULL,
    data TEXT NOT NULL,
    secret TEXT NOT NULL,
    credential TEXT,
    counter BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    last_used BIGINT
);
CREATE UNIQUE INDEX device__uuid ON device (uuid);
CREATE UNIQUE INDEX device__credential ON device (credential);
CREATE INDEX device_user_id ON device (user_id, kind);
CREATE INDEX device_kind ON device (kind, name);

-- Codes that work once: recovery codes, which never expire, and the code that was sent last.
CREATE TABLE device_code (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    expires BIGINT,
    CONSTRAINT device_code__device_id__digest PRIMARY KEY (device_id, digest)
);
