-- lock_leased: Those of these steps that are leased (S1), and their sessions, which are locked first.
WITH living AS (
    SELECT id, uuid, revision, phase, events, terms, name, description, facts, connectors,
           messages, modified_at, accepted_at, started_at, ends_at, ended_at, released_at, is_promise_broken,
           identity_id, EXISTS (
               SELECT 1 FROM subscription WHERE subscription.identity_id = session.identity_id
           ) AS is_subscribed
    FROM session WHERE id {among:sessions} ORDER BY id {for_update}
), held AS (
    SELECT id AS step_id, session_id, attempt, processor_uuid FROM step
    WHERE id {among:steps} AND phase = 'RUNNING' AND (SELECT count(*) FROM living) >= 0
    ORDER BY id {for_update}
)
SELECT held.step_id, held.attempt, held.processor_uuid, {clock} AS now_at, living.*
FROM held LEFT JOIN living ON living.id = held.session_id;

-- session_frames: What of some sessions never changes.
SELECT s.id, s.uuid, s.offerset_id, s.identity_id, s.platform_id, s.document, s.created_at,
       s.expires_at, i.username AS owner, p.name AS place, o.plans, o.asked,
       EXISTS (SELECT 1 FROM secret WHERE secret.offerset_id = o.id) AS has_secrets
FROM session AS s
JOIN identity AS i ON i.id = s.identity_id
JOIN offerset AS o ON o.id = s.offerset_id
JOIN platform AS p ON p.id = s.platform_id
WHERE s.id {among:ids};

-- last_capability: What a platform reported last.
SELECT capability FROM platform WHERE id = :platform;

-- claim_woken: Lease steps of locked sessions that have just woken, and are due from now on.
UPDATE step
SET phase = 'RUNNING', processor_uuid = :processor, due_at = :now, free_at = :until,
    attempt = attempt + 1
WHERE id {among:ids} AND phase = 'DORMANT'
RETURNING id, uuid, session_id, platform_id, kind, key, component, attempt, failures, lapses,
          delays, payload, due_at;

-- components: The living parts of the components of some sessions.
SELECT id, session_id, key, uuid, phase, handle, progress, messages
FROM component WHERE session_id {among:sessions} ORDER BY id;
