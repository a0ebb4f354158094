-- The account epoch: raised by a new password, a deactivation, the end of everything, a reset of second factors. What carries an older one is void.
ALTER TABLE users ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE oauth_code ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE oauth_token ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE flow_token ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE known_device ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
