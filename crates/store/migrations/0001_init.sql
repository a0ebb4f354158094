-- oldest release: 0.1.0
-- The schema. Later changes are migrations of their own.

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
-- The rows of people who are there already are written after the migration: see rows/upn.rs.
INSERT INTO kv (name, data, version, updated) VALUES ('index_upn', 'true', 1, 0) ON CONFLICT DO NOTHING;

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
    updated BIGINT NOT NULL,
    -- When and by what somebody has proven that the address is theirs: mail, source, administrator. Cleared when it changes.
    email_verified_at BIGINT,
    email_verified_by TEXT NOT NULL DEFAULT '',
    -- The account epoch: raised by a new password, a deactivation, the end of everything, a reset of second factors. What carries an older one is void.
    epoch BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users__uuid ON users (uuid);
CREATE UNIQUE INDEX users__username_key ON users (username_key);
-- An index for every order that lists offer, with the key as its tie, and for every filter; filters that many rows fulfil have
-- the default order as well. NULL sorts as the smallest, by an expression: the databases differ about it.
CREATE INDEX users_name_key ON users (name_key, id);
CREATE INDEX users_email_key ON users (email_key, id);
CREATE INDEX users_path ON users (path, id);
CREATE INDEX users_path_username ON users (path, username_key);
CREATE INDEX users_user_type ON users (user_type, id);
CREATE INDEX users_user_type_username ON users (user_type, username_key);
CREATE INDEX users_is_active ON users (is_active, id);
CREATE INDEX users_is_active_username ON users (is_active, username_key);
CREATE INDEX users_last_login ON users ((COALESCE(last_login, -1)), id);
CREATE INDEX users_joined ON users (joined, id);
CREATE INDEX users_updated ON users (updated, id);
CREATE INDEX users_password_changed ON users (password_changed, id);

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
CREATE INDEX user_group_name_key ON user_group (name_key, id);
CREATE INDEX user_group_is_superuser ON user_group (is_superuser, id);
CREATE INDEX user_group_is_superuser_name ON user_group (is_superuser, name_key, id);
CREATE INDEX user_group_created ON user_group (created, id);

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
CREATE INDEX membership_group_id ON membership (group_id, user_id);

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
    epoch BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT token__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX token__identifier ON token (identifier);
CREATE UNIQUE INDEX token__key_digest ON token (key_digest);
CREATE UNIQUE INDEX token__managed ON token (managed);
CREATE INDEX token_user_id ON token (user_id, id);
CREATE INDEX token_intent ON token (intent, id);
CREATE INDEX token_intent_identifier ON token (intent, identifier);
CREATE INDEX token_expiring ON token (expiring, id);
CREATE INDEX token_expiring_identifier ON token (expiring, identifier);
CREATE INDEX token_expires ON token ((COALESCE(expires, -1)), id);
CREATE INDEX token_description ON token (description, id);
CREATE INDEX token_managed ON token ((COALESCE(managed, '')), id);

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
    epoch BIGINT NOT NULL DEFAULT 0,
    -- Requests of one session at the same moment: whoever writes its state names the version that it was made from.
    version BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT session__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX session__uuid ON session (uuid);
CREATE INDEX session_user_id ON session (user_id, id);
CREATE INDEX session_expires ON session (expires, id);
CREATE INDEX session_last_used ON session (last_used, id);
CREATE INDEX session_ip ON session (ip, id);
CREATE INDEX session_user_agent ON session (user_agent, id);

-- Providers that have answered in a session and tell their applications when it is over. No reference to the session: a row
-- outlives it until the message is queued.
CREATE TABLE session_participant (
    id {id},
    session TEXT NOT NULL,
    provider BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    session_index TEXT NOT NULL,
    data TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX session_participant__known ON session_participant (session, provider, session_index);
CREATE INDEX session_participant_user_id ON session_participant (user_id, id);
CREATE INDEX session_participant_provider ON session_participant (provider, id);

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
    used BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX oauth_code__digest ON oauth_code (digest);
CREATE INDEX oauth_code_held ON oauth_code (user_id, session, family);
CREATE INDEX oauth_code_provider ON oauth_code (provider, id);
CREATE INDEX oauth_code_expires ON oauth_code (expires, id);

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
    revoked BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX oauth_token__digest ON oauth_token (digest);
-- One index for what somebody holds, within a session, of a family. With three of them every new token changed a page of each.
CREATE INDEX oauth_token_held ON oauth_token (user_id, session, family);
CREATE INDEX oauth_token_provider ON oauth_token (provider, id);
CREATE INDEX oauth_token_expires ON oauth_token (expires, id);
CREATE INDEX oauth_token_kind ON oauth_token (kind, id);

CREATE TABLE consent (
    id {id},
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    application TEXT NOT NULL,
    permissions TEXT NOT NULL,
    expires BIGINT,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX consent__user_id__application ON consent (user_id, application);
CREATE INDEX consent_user_id ON consent (user_id, id);
CREATE INDEX consent_application ON consent (application, id);
CREATE INDEX consent_expires ON consent ((COALESCE(expires, -1)), id);

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
CREATE INDEX device_user_id ON device (user_id, id);
CREATE INDEX device_kind ON device (kind, id);
CREATE INDEX device_name ON device (name, id);
CREATE INDEX device_created ON device (created, id);
CREATE INDEX device_last_used ON device ((COALESCE(last_used, -1)), id);

-- Codes that work once: recovery codes, which never expire, and the code that was sent last.
CREATE TABLE device_code (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    expires BIGINT,
    CONSTRAINT device_code__device_id__digest PRIMARY KEY (device_id, digest)
);

-- Attempts at a secret, counted before the secret is judged. `name` is a digest or another bounded text; `used` counts within the window that ends at `until`; `under_way` of them are being judged, none after `judging_until`.
CREATE TABLE attempt (
    name TEXT NOT NULL,
    used BIGINT NOT NULL,
    until BIGINT NOT NULL,
    under_way BIGINT NOT NULL DEFAULT 0,
    judging_until BIGINT NOT NULL DEFAULT 0,
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
    epoch BIGINT NOT NULL DEFAULT 0,
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

-- Links by which a run of a flow goes on elsewhere. The key is kept as a digest only; the plan is sealed, it may hold what
-- people typed.
CREATE TABLE flow_token (
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    flow TEXT NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    plan TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT flow_token__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX flow_token__digest ON flow_token (digest);
CREATE INDEX flow_token_user_id ON flow_token (user_id, flow);
CREATE INDEX flow_token_flow ON flow_token (flow);
CREATE INDEX flow_token_expires ON flow_token (expires);

-- Requests that wait for the answer of another party, and messages until they are read. The key is kept as a digest only.
CREATE TABLE pending_request (
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    browser TEXT,
    content TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT pending_request__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX pending_request__digest ON pending_request (digest);
CREATE INDEX pending_request_browser ON pending_request (browser, created);
CREATE INDEX pending_request_expires ON pending_request (expires);

-- What a source calls accounts and groups here.
CREATE TABLE user_source_connection (
    id {id},
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    identifier TEXT NOT NULL,
    tokens TEXT NOT NULL DEFAULT '',
    expires BIGINT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_source_connection__source__identifier ON user_source_connection (source, identifier);
CREATE UNIQUE INDEX user_source_connection__user_id__source ON user_source_connection (user_id, source);

CREATE TABLE group_source_connection (
    id {id},
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    identifier TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX group_source_connection__source__identifier ON group_source_connection (source, identifier);
CREATE UNIQUE INDEX group_source_connection__group_id__source ON group_source_connection (group_id, source);

-- Memberships that a source gave: it takes away no others.
CREATE TABLE source_membership (
    source TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    CONSTRAINT source_membership__source__user_id__group_id PRIMARY KEY (source, user_id, group_id)
);
CREATE INDEX source_membership_user_id ON source_membership (user_id, group_id);
CREATE INDEX source_membership_group_id ON source_membership (group_id);

-- Invitations. Without `flow` every enrolment takes them. `claimed` is the run that is using a single-use one up.
CREATE TABLE invitation (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    flow TEXT,
    fixed_data TEXT NOT NULL,
    single_use BIGINT NOT NULL,
    created_by BIGINT REFERENCES users (id) ON DELETE CASCADE,
    claimed TEXT,
    created BIGINT NOT NULL,
    expires BIGINT,
    sealed TEXT NOT NULL DEFAULT '',
    CONSTRAINT invitation__id PRIMARY KEY (id)
);
CREATE INDEX invitation_name ON invitation (name, id);
CREATE INDEX invitation_flow ON invitation ((COALESCE(flow, '')), id);
CREATE INDEX invitation_created_by ON invitation (created_by, id);
CREATE INDEX invitation_expires ON invitation ((COALESCE(expires, -1)), id);

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
CREATE INDEX reputation_ip ON reputation (ip, id);
CREATE INDEX reputation_score ON reputation (score, ip);
CREATE INDEX reputation_updated ON reputation (updated, ip);
CREATE INDEX reputation_expires ON reputation ((COALESCE(expires, -1)), ip);

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

-- What roles may do, and who has them. The roles themselves are configuration objects. An empty `object_pk` means every object of the model.
CREATE TABLE role_permission (
    id {id},
    role TEXT NOT NULL REFERENCES object (pk) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    model TEXT NOT NULL,
    object_pk TEXT NOT NULL
);
CREATE UNIQUE INDEX role_permission__role__permission__object_pk ON role_permission (role, permission, object_pk);
CREATE INDEX role_permission_object_pk ON role_permission (object_pk, model);
CREATE INDEX role_permission_model ON role_permission (model, role);

CREATE TABLE user_role (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES object (pk) ON DELETE CASCADE,
    CONSTRAINT user_role__user_id__role PRIMARY KEY (user_id, role)
);
CREATE INDEX user_role_role ON user_role (role);

CREATE TABLE group_role (
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES object (pk) ON DELETE CASCADE,
    CONSTRAINT group_role__group_id__role PRIMARY KEY (group_id, role)
);
CREATE INDEX group_role_role ON group_role (role);

-- One row, held by every commit that may take the last administrator away: see rows/administrators.rs.
CREATE TABLE administrator_guard (
    one BIGINT NOT NULL CONSTRAINT administrator_guard__one PRIMARY KEY CHECK (one = 1),
    there BIGINT NOT NULL
);
INSERT INTO administrator_guard (one, there) VALUES (1, 0);

-- Events are numbered as they are written, so that a seal can cover them in order. Within one database a number is never
-- given twice and later commits have greater ones; missing ones belong to commits that were undone, or to events that
-- are past their retention. (On PostgreSQL a commit under way may still bring a smaller number than one that is seen.)
CREATE TABLE event (
    number {id},
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
    expires BIGINT
);
CREATE UNIQUE INDEX event__id ON event (id);
CREATE INDEX event_created ON event (created, id);
CREATE INDEX event_action ON event (action, created);
CREATE INDEX event_username ON event (username, created);
CREATE INDEX event_client_ip ON event (client_ip, created);
CREATE INDEX event_app ON event (app, created);
CREATE INDEX event_expires ON event ((COALESCE(expires, -1)), created);
CREATE INDEX event_about ON event (model_app, model_name, model_pk) WHERE model_pk <> '';
CREATE INDEX event_authorized ON event (authorized_app) WHERE authorized_app <> '';

-- Work outside of requests: see rows/jobs.rs. `due` is when a worker may take a job, NULL when it is over.
CREATE TABLE job (
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL,
    unique_key TEXT,
    schedule TEXT,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT,
    lease TEXT,
    rel_obj_app_label TEXT NOT NULL,
    rel_obj_model TEXT NOT NULL,
    rel_obj_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    log TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    expires BIGINT,
    CONSTRAINT job__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX job__unique_key ON job (unique_key);
CREATE INDEX job_due ON job (queue, due) WHERE due IS NOT NULL;
CREATE INDEX job_schedule ON job (schedule, updated) WHERE schedule IS NOT NULL;
CREATE INDEX job_updated ON job (updated, id);
CREATE INDEX job_queue ON job (queue, id);
CREATE INDEX job_kind ON job (kind, id);
CREATE INDEX job_state ON job (state, id);
CREATE INDEX job_status ON job (status, id);
CREATE INDEX job_about ON job (rel_obj_id) WHERE rel_obj_id <> '';
CREATE INDEX job_expires ON job ((COALESCE(expires, -1)), id);

-- When recurring jobs are queued: one row for all nodes.
CREATE TABLE schedule (
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    rel_obj_app_label TEXT NOT NULL,
    rel_obj_model TEXT NOT NULL,
    rel_obj_id TEXT NOT NULL,
    crontab TEXT NOT NULL,
    paused BIGINT NOT NULL,
    next_run BIGINT NOT NULL,
    CONSTRAINT schedule__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX schedule__identifier ON schedule (identifier);
CREATE INDEX schedule_next_run ON schedule (next_run, id);
CREATE INDEX schedule_kind ON schedule (kind, id);
CREATE INDEX schedule_paused ON schedule (paused, id);

-- Processes that work jobs off, while they live.
CREATE TABLE worker (
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT worker__id PRIMARY KEY (id)
);
CREATE INDEX worker_expires ON worker (expires, id);
