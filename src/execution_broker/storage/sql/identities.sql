-- add_identity: Make a local account.
INSERT INTO identity (uuid, username, password_hash, role, created_at)
VALUES (:uuid, :username, :password_hash, :role, :now)
ON CONFLICT (username) DO NOTHING
RETURNING id;

-- identity_by_name: An identity by its name.
SELECT id, uuid, username, password_hash, role, version, created_at, disabled_at, issuer
FROM identity WHERE username = :username;

-- identity_by_uuid: An identity by its uuid, locked.
SELECT id, uuid, username, password_hash, role, version, created_at, disabled_at, issuer
FROM identity WHERE uuid = :uuid {for_update};

-- identity_by_subject: An identity by what its issuer calls it.
SELECT id, uuid, username, password_hash, role, version, created_at, disabled_at, issuer
FROM identity WHERE issuer = :issuer AND subject = :subject;

-- identities_after: Identities in the order they were made, after a key.
SELECT id, uuid, username, password_hash, role, version, created_at, disabled_at, issuer
FROM identity WHERE id > :after ORDER BY id LIMIT :most;

-- add_subject: Make an identity that an issuer vouches for.
INSERT INTO identity (uuid, username, role, created_at, issuer, subject)
VALUES (:uuid, :username, :role, :now, :issuer, :subject)
ON CONFLICT DO NOTHING
RETURNING id;

-- change_role: Remember what an issuer says that somebody is.
UPDATE identity SET role = :role WHERE id = :id;

-- change_identity: Change a credential or what it may do; what was remembered of it is void.
UPDATE identity SET password_hash = :password_hash, role = :role, disabled_at = :disabled,
    version = version + 1
WHERE id = :id;

-- lock_identity: One identity, so that one transaction at a time counts what belongs to it.
SELECT id FROM identity WHERE id = :identity {for_update};

-- lock_administrators: The local administrators who may sign in, locked.
SELECT id FROM identity
WHERE role = 'administrator' AND disabled_at IS NULL AND password_hash IS NOT NULL
ORDER BY id {for_update};

-- setting: A value of this instance.
SELECT value FROM setting WHERE name = :name;

-- settings_like: Values of this instance whose names begin so.
SELECT name, value FROM setting WHERE name LIKE :pattern ORDER BY name;

-- remove_setting: Take a value from this instance.
DELETE FROM setting WHERE name = :name;

-- add_setting: Give this instance a value, once.
INSERT INTO setting (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;
