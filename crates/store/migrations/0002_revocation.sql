-- Revocations, apart from the tokens they are about: an access token is valid before its row is written, and without one.
-- `subject` is a token's digest, a family, a session, `<session>/<provider>` or `user <id>`; what was issued until `at` is revoked.
-- `expires` is 0 until housekeeping sees the row.
CREATE TABLE oauth_revocation (
    subject TEXT NOT NULL,
    at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT oauth_revocation__subject PRIMARY KEY (subject)
);
CREATE INDEX oauth_revocation_expires ON oauth_revocation (expires);

-- Indexes without the rows that are never looked for by them: most events are about no object, machines have no session.
DROP INDEX event_model;
CREATE INDEX event_about ON event (model_app, model_name, model_pk) WHERE model_pk <> '';
DROP INDEX event_authorized_app;
CREATE INDEX event_authorized ON event (authorized_app) WHERE authorized_app <> '';
DROP INDEX oauth_token_session;
CREATE INDEX oauth_token_in_session ON oauth_token (session) WHERE session IS NOT NULL;
