-- add_secret: Keep the secrets of a component, sealed.
INSERT INTO secret (offerset_id, component, value) VALUES (:offerset, :component, :value);

-- secrets: Some of an answer.
SELECT o.uuid, s.component, s.value
FROM secret AS s JOIN offerset AS o ON o.id = s.offerset_id
WHERE s.offerset_id = :offerset AND s.component {among:components};

-- forget_secrets: Delete those that no session is still to start with.
DELETE FROM secret
WHERE NOT EXISTS (
    SELECT 1 FROM session
    WHERE session.offerset_id = secret.offerset_id
      AND session.phase IN ('OFFERED', 'ACCEPTED', 'WAITING', 'PREPARING', 'AVAILABLE')
);

-- forget_sealed_secrets: Give up the secrets that are sealed with a key, by what they begin with.
DELETE FROM secret WHERE value LIKE :pattern;

-- forget_sealed_connectors: Give up the connectors that are sealed with a key.
UPDATE session SET revision = revision + 1, connectors = '[]'
WHERE CAST(connectors AS TEXT) LIKE :pattern;
