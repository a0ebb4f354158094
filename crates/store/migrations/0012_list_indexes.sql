-- An index for every order that lists offer, with the key as its tie, and for every filter; filters that many rows fulfil have
-- the default order as well. NULL sorts as the smallest, by an expression: the databases differ about it.
DROP INDEX users_name_key;
CREATE INDEX users_name_key ON users (name_key, id);
DROP INDEX users_email_key;
CREATE INDEX users_email_key ON users (email_key, id);
DROP INDEX users_path;
CREATE INDEX users_path ON users (path, id);
CREATE INDEX users_path_username ON users (path, username_key);
DROP INDEX users_user_type;
CREATE INDEX users_user_type ON users (user_type, id);
CREATE INDEX users_user_type_username ON users (user_type, username_key);
DROP INDEX users_is_active;
CREATE INDEX users_is_active ON users (is_active, id);
CREATE INDEX users_is_active_username ON users (is_active, username_key);
DROP INDEX users_last_login;
CREATE INDEX users_last_login ON users ((COALESCE(last_login, -1)), id);
DROP INDEX users_joined;
CREATE INDEX users_joined ON users (joined, id);
DROP INDEX users_updated;
CREATE INDEX users_updated ON users (updated, id);
CREATE INDEX users_password_changed ON users (password_changed, id);

DROP INDEX user_group_name_key;
CREATE INDEX user_group_name_key ON user_group (name_key, id);
DROP INDEX user_group_is_superuser;
CREATE INDEX user_group_is_superuser ON user_group (is_superuser, id);
CREATE INDEX user_group_is_superuser_name ON user_group (is_superuser, name_key, id);
CREATE INDEX user_group_created ON user_group (created, id);

DROP INDEX token_user_id;
CREATE INDEX token_user_id ON token (user_id, id);
DROP INDEX token_intent;
CREATE INDEX token_intent ON token (intent, id);
CREATE INDEX token_intent_identifier ON token (intent, identifier);
CREATE INDEX token_expiring ON token (expiring, id);
CREATE INDEX token_expiring_identifier ON token (expiring, identifier);
DROP INDEX token_expires;
CREATE INDEX token_expires ON token ((COALESCE(expires, -1)), id);
CREATE INDEX token_description ON token (description, id);
CREATE INDEX token_managed ON token ((COALESCE(managed, '')), id);

DROP INDEX session_user_id;
CREATE INDEX session_user_id ON session (user_id, id);
DROP INDEX session_expires;
CREATE INDEX session_expires ON session (expires, id);
DROP INDEX session_last_used;
CREATE INDEX session_last_used ON session (last_used, id);
DROP INDEX session_ip;
CREATE INDEX session_ip ON session (ip, id);
CREATE INDEX session_user_agent ON session (user_agent, id);

DROP INDEX oauth_code_provider;
CREATE INDEX oauth_code_provider ON oauth_code (provider, id);
DROP INDEX oauth_code_expires;
CREATE INDEX oauth_code_expires ON oauth_code (expires, id);
DROP INDEX oauth_token_provider;
CREATE INDEX oauth_token_provider ON oauth_token (provider, id);
DROP INDEX oauth_token_expires;
CREATE INDEX oauth_token_expires ON oauth_token (expires, id);
CREATE INDEX oauth_token_kind ON oauth_token (kind, id);

CREATE INDEX consent_user_id ON consent (user_id, id);
DROP INDEX consent_application;
CREATE INDEX consent_application ON consent (application, id);
DROP INDEX consent_expires;
CREATE INDEX consent_expires ON consent ((COALESCE(expires, -1)), id);

DROP INDEX event_created;
CREATE INDEX event_created ON event (created, id);
DROP INDEX event_expires;
CREATE INDEX event_expires ON event ((COALESCE(expires, -1)), created);

DROP INDEX device_user_id;
CREATE INDEX device_user_id ON device (user_id, id);
DROP INDEX device_kind;
CREATE INDEX device_kind ON device (kind, id);
CREATE INDEX device_name ON device (name, id);
CREATE INDEX device_created ON device (created, id);
CREATE INDEX device_last_used ON device ((COALESCE(last_used, -1)), id);

DROP INDEX invitation_name;
CREATE INDEX invitation_name ON invitation (name, id);
DROP INDEX invitation_flow;
CREATE INDEX invitation_flow ON invitation ((COALESCE(flow, '')), id);
DROP INDEX invitation_created_by;
CREATE INDEX invitation_created_by ON invitation (created_by, id);
DROP INDEX invitation_expires;
CREATE INDEX invitation_expires ON invitation ((COALESCE(expires, -1)), id);

DROP INDEX reputation_ip;
CREATE INDEX reputation_ip ON reputation (ip, id);
DROP INDEX reputation_score;
CREATE INDEX reputation_score ON reputation (score, ip);
CREATE INDEX reputation_updated ON reputation (updated, ip);
DROP INDEX reputation_expires;
CREATE INDEX reputation_expires ON reputation ((COALESCE(expires, -1)), ip);
