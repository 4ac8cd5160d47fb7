-- session_position: Where a session stands in the order of all.
SELECT id FROM session WHERE uuid = :uuid;

-- offerset_position: Where an answer stands in the order of all.
SELECT id FROM offerset WHERE uuid = :uuid;

-- own_sessions: A part of an identity's sessions, the newest first.
SELECT s.id, s.uuid, s.phase, s.name, s.document, s.platform_id, s.terms, s.created_at,
       s.modified_at, s.expires_at, s.started_at, s.ends_at, s.ended_at, o.plans, o.asked,
       p.name AS platform, i.username AS owner
FROM session AS s
JOIN identity AS i ON i.id = s.identity_id
JOIN offerset AS o ON o.id = s.offerset_id
JOIN platform AS p ON p.id = s.platform_id
WHERE s.identity_id = :identity AND s.id < :before
  AND s.created_at >= :since AND s.created_at < :until
  AND CASE WHEN s.phase = 'OFFERED' AND s.expires_at <= :now THEN 'EXPIRED' ELSE s.phase END
      {among:phases}
ORDER BY s.id DESC LIMIT :limit;

-- all_sessions: A part of everybody's sessions, the newest first.
SELECT s.id, s.uuid, s.phase, s.name, s.document, s.platform_id, s.terms, s.created_at,
       s.modified_at, s.expires_at, s.started_at, s.ends_at, s.ended_at, o.plans, o.asked,
       p.name AS platform, i.username AS owner
FROM session AS s
JOIN identity AS i ON i.id = s.identity_id
JOIN offerset AS o ON o.id = s.offerset_id
JOIN platform AS p ON p.id = s.platform_id
WHERE s.id < :before
  AND s.created_at >= :since AND s.created_at < :until
  AND CASE WHEN s.phase = 'OFFERED' AND s.expires_at <= :now THEN 'EXPIRED' ELSE s.phase END
      {among:phases}
ORDER BY s.id DESC LIMIT :limit;

-- own_offersets: A part of an identity's answers, the newest first.
SELECT o.id, o.uuid, o.result, o.created_at, o.expires_at, i.username AS owner
FROM offerset AS o
JOIN identity AS i ON i.id = o.identity_id
WHERE o.identity_id = :identity AND o.id < :before
  AND o.created_at >= :since AND o.created_at < :until
ORDER BY o.id DESC LIMIT :limit;

-- all_offersets: A part of everybody's answers, the newest first.
SELECT o.id, o.uuid, o.result, o.created_at, o.expires_at, i.username AS owner
FROM offerset AS o
JOIN identity AS i ON i.id = o.identity_id
WHERE o.id < :before
  AND o.created_at >= :since AND o.created_at < :until
ORDER BY o.id DESC LIMIT :limit;

-- log_head: What the log of a session is read by.
SELECT id, identity_id, phase, events, expires_at, released_at FROM session WHERE uuid = :uuid;

-- log_page: A part of the log of a session after a number.
SELECT number, type, component, body, happened_at
FROM event WHERE session_id = :session AND number > :after ORDER BY number LIMIT :limit;

-- pulses: All that changes in some sessions without an event of its own, and the last event of each.
SELECT s.uuid, s.events, s.phase, s.expires_at, c.progress, {clock} AS read_at
FROM session AS s LEFT JOIN component AS c ON c.session_id = s.id
WHERE s.uuid {among:uuids} ORDER BY c.id;
