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
    CONSTRAINT flow_token__id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX flow_token__digest ON flow_token (digest);
CREATE INDEX flow_token_user_id ON flow_token (user_id, flow);
CREATE INDEX flow_token_flow ON flow_token (flow);
CREATE INDEX flow_token_expires ON flow_token (expires);

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
    CONSTRAINT invitation__id PRIMARY KEY (id)
);
CREATE INDEX invitation_name ON invitation (name);
CREATE INDEX invitation_flow ON invitation (flow);
CREATE INDEX invitation_created_by ON invitation (created_by);
CREATE INDEX invitation_expires ON invitation (expires);
