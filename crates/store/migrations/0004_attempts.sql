-- Attempts at a secret, counted before the secret is judged. `name` is a digest or another bounded text; `used` counts within the window that ends at `until`.
CREATE TABLE attempt (
    name TEXT NOT NULL,
    used BIGINT NOT NULL,
    until BIGINT NOT NULL,
    CONSTRAINT attempt__name PRIMARY KEY (name)
);
CREATE INDEX attempt_until ON attempt (until);

-- Browsers from which a person has signed in before, found by the digest of the key in the browser's device cookie.
CREATE TABLE known_device (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT known_device__user_id__digest PRIMARY KEY (user_id, digest)
);
CREATE INDEX known_device_digest ON known_device (digest);
CREATE INDEX known_device_expires ON known_device (expires);

-- The attribute `upn` of people, folded, so that a name typed at sign-in is found by an index.
CREATE TABLE user_upn (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    upn_key TEXT NOT NULL,
    CONSTRAINT user_upn__user_id PRIMARY KEY (user_id)
);
CREATE INDEX user_upn_upn_key ON user_upn (upn_key);
-- The rows of people who are there already are written after the migration: see rows/upn.rs.
INSERT INTO kv (name, data, version, updated) VALUES ('index_upn', 'true', 1, 0) ON CONFLICT DO NOTHING;
