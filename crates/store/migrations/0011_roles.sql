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
