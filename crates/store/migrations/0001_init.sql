-- Rules: see src/migrate.rs. The mark for generated ids is an integer primary key that the database counts up and never gives twice.

CREATE TABLE install (
    one BIGINT NOT NULL CONSTRAINT install__one PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE kv (
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    CONSTRAINT kv__name PRIMARY KEY (name)
);

-- Configuration objects. One row: every change raises `value`; `last_num` is the highest integer key given so far.
CREATE TABLE config_counter (
    one BIGINT NOT NULL CONSTRAINT config_counter__one PRIMARY KEY CHECK (one = 1),
    value BIGINT NOT NULL,
    last_num BIGINT NOT NULL
);
INSERT INTO config_counter (one, value, last_num) VALUES (1, 0, 0);

CREATE TABLE object (
    pk TEXT NOT NULL,
    num BIGINT,
    model TEXT NOT NULL,
    data TEXT NOT NULL,
    secrets TEXT NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    counter BIGINT NOT NULL,
    CONSTRAINT object__pk PRIMARY KEY (pk)
);
CREATE UNIQUE INDEX object__num ON object (num);
CREATE INDEX object_model ON object (model);
CREATE INDEX object_counter ON object (counter);

CREATE TABLE object_unique (
    scope TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    pk TEXT NOT NULL REFERENCES object (pk) ON DELETE CASCADE,
    CONSTRAINT object_unique__scope__field__value PRIMARY KEY (scope, field, value)
);
CREATE INDEX object_unique_pk ON object_unique (pk);

-- `to_key` is the reference as the object holds it; `to_pk` is the object it means, NULL for users and groups.
CREATE TABLE object_reference (
    from_pk TEXT NOT NULL REFERENCES object (pk) ON DELETE CASCADE,
    field TEXT NOT NULL,
    to_key TEXT NOT NULL,
    to_pk TEXT REFERENCES object (pk) DEFERRABLE INITIALLY DEFERRED,
    on_delete TEXT NOT NULL,
    CONSTRAINT object_reference__from_pk__field__to_key PRIMARY KEY (from_pk, field, to_key)
);
CREATE INDEX object_reference_to_pk ON object_reference (to_pk);
CREATE INDEX object_reference_to_key ON object_reference (to_key);

CREATE TABLE object_history (
    id {id},
    pk TEXT NOT NULL,
    num BIGINT,
    model TEXT NOT NULL,
    version BIGINT NOT NULL,
    data TEXT NOT NULL,
    secrets TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor BIGINT,
    request_id TEXT NOT NULL,
    deleted BIGINT NOT NULL,
    counter BIGINT NOT NULL
);
CREATE INDEX object_history_pk ON object_history (pk, version);
CREATE INDEX object_history_counter ON object_history (counter);

-- The directory.
CREATE TABLE users (
    id {id},
    uuid TEXT NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    is_active BIGINT NOT NULL,
    user_type TEXT NOT NULL,
    path TEXT NOT NULL,
    attributes TEXT NOT NULL,
    password TEXT NOT NULL,
    password_changed BIGINT NOT NULL,
    last_login BIGINT,
    joined BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX users__uuid ON users (uuid);
CREATE UNIQUE INDEX users__username_key ON users (username_key);
CREATE INDEX users_email_key ON users (email_key);
CREATE INDEX users_name_key ON users (name_key);
CREATE INDEX users_path ON users (path);
CREATE INDEX users_user_type ON users (user_type);
CREATE INDEX users_is_active ON users (is_active);
CREATE INDEX users_last_login ON users (last_login);
CREATE INDEX users_joined ON users (joined);
CREATE INDEX users_updated ON users (updated);

CREATE TABLE user_group (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    is_superuser BIGINT NOT NULL,
    attributes TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    CONSTRAINT user_group__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX user_group__name ON user_group (name);
CREATE INDEX user_group_name_key ON user_group (name_key);
CREATE INDEX user_group_is_superuser ON user_group (is_superuser);

CREATE TABLE group_parent (
    child_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    parent_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    CONSTRAINT group_parent__child_id__parent_id PRIMARY KEY (child_id, parent_id)
);
CREATE INDEX group_parent_parent_id ON group_parent (parent_id);

CREATE TABLE membership (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    CONSTRAINT membership__user_id__group_id PRIMARY KEY (user_id, group_id)
);
CREATE INDEX membership_group_id ON membership (group_id);

CREATE TABLE token (
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    intent TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    description TEXT NOT NULL,
    expires BIGINT,
    expiring BIGINT NOT NULL,
    managed TEXT,
    key_sealed TEXT NOT NULL,
    key_digest TEXT NOT NULL,
    created BIGINT NOT NULL,
    CONSTRAINT token__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX token__identifier ON token (identifier);
CREATE UNIQUE INDEX token__key_digest ON token (key_digest);
CREATE UNIQUE INDEX token__managed ON token (managed);
CREATE INDEX token_user_id ON token (user_id);
CREATE INDEX token_intent ON token (intent);
CREATE INDEX token_expires ON token (expires);

CREATE TABLE session (
    id TEXT NOT NULL,
    uuid TEXT NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    data TEXT NOT NULL,
    auth TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    absolute_expires BIGINT,
    last_used BIGINT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    CONSTRAINT session__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX session__uuid ON session (uuid);
CREATE INDEX session_user_id ON session (user_id);
CREATE INDEX session_expires ON session (expires);
CREATE INDEX session_last_used ON session (last_used);
CREATE INDEX session_ip ON session (ip);

-- OAuth2 grants. Provider numbers are those of the object table; applying a deletion removes its rows here.
CREATE TABLE oauth_code (
    id {id},
    digest TEXT NOT NULL,
    provider BIGINT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session TEXT,
    family TEXT NOT NULL,
    scope TEXT NOT NULL,
    data TEXT NOT NULL,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT NOT NULL
);
CREATE UNIQUE INDEX oauth_code__digest ON oauth_code (digest);
CREATE INDEX oauth_code_provider ON oauth_code (provider);
CREATE INDEX oauth_code_user_id ON oauth_code (user_id);
CREATE INDEX oauth_code_session ON oauth_code (session);
CREATE INDEX oauth_code_family ON oauth_code (family);
CREATE INDEX oauth_code_expires ON oauth_code (expires);

CREATE TABLE oauth_token (
    id {id},
    kind TEXT NOT NULL,
    digest TEXT NOT NULL,
    provider BIGINT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session TEXT,
    family TEXT NOT NULL,
    scope TEXT NOT NULL,
    data TEXT NOT NULL,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL
);
CREATE UNIQUE INDEX oauth_token__digest ON oauth_token (digest);
CREATE INDEX oauth_token_provider ON oauth_token (provider);
CREATE INDEX oauth_token_user_id ON oauth_token (user_id);
CREATE INDEX oauth_token_session ON oauth_token (session);
CREATE INDEX oauth_token_family ON oauth_token (family);
CREATE INDEX oauth_token_expires ON oauth_token (expires);

CREATE TABLE consent (
    id {id},
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    application TEXT NOT NULL,
    permissions TEXT NOT NULL,
    expires BIGINT,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX consent__user_id__application ON consent (user_id, application);
CREATE INDEX consent_application ON consent (application);
CREATE INDEX consent_expires ON consent (expires);

-- The log. `username`, `model_*` and `authorized_app` repeat parts of `actor` and `context`, to be found by.
CREATE TABLE event (
    id TEXT NOT NULL,
    actor TEXT NOT NULL,
    username TEXT NOT NULL,
    action TEXT NOT NULL,
    app TEXT NOT NULL,
    context TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    brand TEXT NOT NULL,
    model_app TEXT NOT NULL,
    model_name TEXT NOT NULL,
    model_pk TEXT NOT NULL,
    authorized_app TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    CONSTRAINT event__id PRIMARY KEY (id)
);
CREATE INDEX event_created ON event (created);
CREATE INDEX event_action ON event (action, created);
CREATE INDEX event_username ON event (username, created);
CREATE INDEX event_client_ip ON event (client_ip, created);
CREATE INDEX event_app ON event (app, created);
CREATE INDEX event_model ON event (model_app, model_name, model_pk);
CREATE INDEX event_authorized_app ON event (authorized_app);
CREATE INDEX event_expires ON event (expires);
