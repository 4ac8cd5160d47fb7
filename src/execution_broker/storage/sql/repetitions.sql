-- repetition: What a key of an identity stands for.
SELECT digest, uuid, refusal FROM repetition WHERE identity_id = :identity AND key = :key;

-- take_repetition: Be the first to use a key. Waits for others who are at it.
INSERT INTO repetition (identity_id, key, digest, created_at)
VALUES (:identity, :key, :digest, :now)
ON CONFLICT (identity_id, key) DO NOTHING;

-- settle_repetition: What came of it.
UPDATE repetition SET uuid = :uuid, refusal = :refusal
WHERE identity_id = :identity AND key = :key;

-- drop_repetition: Nothing came of it; the key is free again.
DELETE FROM repetition WHERE identity_id = :identity AND key = :key;

-- forget_repetitions: Delete some keys that were used long ago.
DELETE FROM repetition
WHERE (identity_id, key) IN (
    SELECT identity_id, key FROM repetition WHERE created_at < :before LIMIT :limit
);
