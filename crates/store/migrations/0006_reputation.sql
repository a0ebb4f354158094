-- How names and addresses have behaved. `identifier` is what was typed as a name; `expires` is NULL where scores stay.
CREATE TABLE reputation (
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    ip TEXT NOT NULL,
    geo TEXT NOT NULL,
    asn TEXT NOT NULL,
    score BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    expires BIGINT,
    CONSTRAINT reputation__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX reputation__identifier__ip ON reputation (identifier, ip);
CREATE INDEX reputation_ip ON reputation (ip);
CREATE INDEX reputation_score ON reputation (score);
CREATE INDEX reputation_expires ON reputation (expires);

-- Hashes of passwords that people had before, kept only while a policy of their history exists.
CREATE TABLE password_history (
    id {id},
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password TEXT NOT NULL,
    replaced BIGINT NOT NULL
);
CREATE INDEX password_history_user_id ON password_history (user_id, id);

-- Where people have signed in from. Degrees are counted in millionths; NULL where the place is not known.
CREATE TABLE login (
    id {id},
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    ip TEXT NOT NULL,
    country TEXT NOT NULL,
    latitude BIGINT,
    longitude BIGINT,
    asn BIGINT
);
CREATE INDEX login_user_id ON login (user_id, id);
CREATE INDEX login_at ON login (at);

-- Which event tells why a request was refused.
CREATE TABLE refusal (
    event TEXT NOT NULL,
    request TEXT NOT NULL,
    created BIGINT NOT NULL,
    CONSTRAINT refusal__event PRIMARY KEY (event)
);
CREATE INDEX refusal_request ON refusal (request);
CREATE INDEX refusal_created ON refusal (created);
