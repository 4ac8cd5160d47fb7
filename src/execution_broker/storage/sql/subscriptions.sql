-- add_subscription: Somebody wants to be told of his sessions.
INSERT INTO subscription (uuid, identity_id, way, about, value, created_at)
VALUES (:uuid, :identity, :way, :about, :value, :now);

-- subscriptions: What an identity has subscribed to, the oldest first.
SELECT uuid, identity_id, way, about, value, created_at, sent_at, failed_at, fault
FROM subscription WHERE identity_id = :identity ORDER BY id;

-- subscriptions_of: Who of these identities wants to be told what.
SELECT uuid, identity_id, about FROM subscription WHERE identity_id {among:identities} ORDER BY id;

-- remove_subscription: Somebody does not want to be told any more.
DELETE FROM subscription WHERE uuid = :uuid AND identity_id = :identity;

-- subscription_of: A subscription of somebody who may use the broker.
SELECT s.uuid, s.identity_id, s.way, s.about, s.value, s.created_at, s.sent_at, s.failed_at, s.fault
FROM subscription AS s JOIN identity AS i ON i.id = s.identity_id
WHERE s.uuid = :uuid AND i.disabled_at IS NULL;

-- notice_sent: A notice has reached somebody.
UPDATE subscription SET sent_at = :now WHERE uuid = :uuid;

-- notice_failed: A notice could not be sent.
UPDATE subscription SET failed_at = :now, fault = :fault WHERE uuid = :uuid;

-- forget_sealed_subscriptions: Delete what cannot be opened any more.
DELETE FROM subscription WHERE value LIKE :pattern;
