-- add_identity: Make a local account.
INSERT INTO identity (uuid, username, password_hash, role, created_at)
VALUES (:uuid, :username, :password_hash, :role, :now)
ON CONFLICT (username) DO NOTHING
RETURNING id;

-- identity_by_name: A local account by its name.
SELECT id, uuid, username, password_hash, role, version, disabled_at
FROM identity WHERE username = :username;

-- setting: A value of this instance.
SELECT value FROM setting WHERE name = :name;

-- add_setting: Give this instance a value, once.
INSERT INTO setting (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;
