-- add_offerset: Store an answer.
INSERT INTO offerset (uuid, identity_id, result, format, document, plans, asked, created_at,
    expires_at)
VALUES (:uuid, :identity, :result, :format, :document, :plans, :asked, :now, :expires)
RETURNING id;

-- see_offersets: Some answers by their public names with their offers; one row without a session for one that has none.
SELECT o.id AS answer_id, o.uuid AS answer_uuid, o.identity_id AS answer_identity_id,
       o.document AS answer_document, o.created_at AS answer_created_at,
       o.expires_at AS answer_expires_at,
       {part:stored_session}
FROM offerset AS o
JOIN identity AS i ON i.id = o.identity_id
LEFT JOIN session AS s ON s.offerset_id = o.id
LEFT JOIN platform AS p ON p.id = s.platform_id
WHERE o.uuid {among:uuids} ORDER BY s.id;

-- add_session: Store an offer, or a session that was accepted at once.
INSERT INTO session (
    uuid, offerset_id, identity_id, platform_id, phase, events, format, document, terms, messages,
    created_at, modified_at, expires_at, accepted_at
) VALUES (
    :uuid, :offerset, :identity, :platform, :phase, :events, :format, :document, :terms, :messages,
    :now, :now, :expires, :accepted
) RETURNING id;

-- add_component: Store the living part of a component.
INSERT INTO component (session_id, key, uuid, phase) VALUES (:session, :key, :uuid, :phase);

-- lock_offers: The offers of some answers with their living parts, locked in id order: the first locks of everything that chooses between offers.
SELECT id, uuid, offerset_id, identity_id, platform_id, phase, events, terms, name, description,
       facts, connectors, messages, created_at, modified_at, expires_at, accepted_at, started_at,
       ends_at, ended_at, released_at, is_promise_broken
FROM session WHERE offerset_id {among:offersets} ORDER BY id {for_update};

-- offer_frames: What some locked offers have beside their living parts.
SELECT s.id, s.document, i.username AS owner, o.plans, o.asked, p.name AS place, p.capability, (SELECT coalesce({json_list}({json_object}(
            'id', c.id, 'key', c.key, 'uuid', c.uuid, 'phase', c.phase, 'handle', c.handle,
            'progress', {json}(c.progress), 'messages', {json}(c.messages)
        )), '[]') FROM component AS c WHERE c.session_id = s.id) AS components
FROM session AS s
JOIN identity AS i ON i.id = s.identity_id
JOIN offerset AS o ON o.id = s.offerset_id
JOIN platform AS p ON p.id = s.platform_id
WHERE s.id {among:ids};

-- locate_sessions: Where some sessions are, by their public names.
SELECT id, uuid, offerset_id, identity_id, phase FROM session WHERE uuid {among:uuids};

-- part stored_session: All of a session (s) with its components, by its owner (i), its answer (o) and its platform (p).
       s.id, s.uuid, s.offerset_id, s.identity_id, s.platform_id, s.phase, s.events, s.format,
       s.document, s.terms, s.name, s.description, s.facts, s.connectors, s.messages, s.created_at,
       s.modified_at, s.expires_at, s.accepted_at, s.started_at, s.ends_at, s.ended_at,
       s.released_at, s.is_promise_broken, i.username AS owner, o.plans, o.asked,
       p.name AS place, p.capability,
       s.revision, p.version, p.reported_at, {clock} AS read_at,
       (SELECT coalesce({json_list}({json_object}(
            'id', c.id, 'key', c.key, 'uuid', c.uuid, 'phase', c.phase, 'handle', c.handle,
            'progress', {json}(c.progress), 'messages', {json}(c.messages)
        )), '[]') FROM component AS c WHERE c.session_id = s.id) AS components

-- sessions_by_uuid: Some sessions by their public names.
SELECT {part:stored_session}
FROM session AS s
JOIN identity AS i ON i.id = s.identity_id
JOIN offerset AS o ON o.id = s.offerset_id
JOIN platform AS p ON p.id = s.platform_id
WHERE s.uuid {among:uuids};

-- session_by_id: A session by its key.
SELECT {part:stored_session}
FROM session AS s
JOIN identity AS i ON i.id = s.identity_id
JOIN offerset AS o ON o.id = s.offerset_id
JOIN platform AS p ON p.id = s.platform_id
WHERE s.id = :id;

-- lock_sessions: The locks that every change of a session takes before all later ones.
SELECT id FROM session WHERE id {among:ids} ORDER BY id {for_update};

-- save_session: Write the living part of a session.
UPDATE session
SET revision = revision + 1, phase = :phase, events = :events, terms = :terms, name = :name,
    description = :description, facts = :facts, connectors = :connectors, messages = :messages,
    modified_at = :modified, accepted_at = :accepted, started_at = :started, ends_at = :ends,
    ended_at = :ended, released_at = :released, is_promise_broken = :is_promise_broken
WHERE id = :id;

-- save_refused: Write that an offer has come to nothing.
UPDATE session
SET revision = revision + 1, phase = :phase, events = :events, messages = :messages,
    modified_at = :modified, ended_at = :ended, released_at = :released
WHERE id = :id;

-- save_trace: Keep the trace context of the request that accepted a session.
UPDATE session SET revision = revision + 1, trace = :trace WHERE id = :id;

-- session_origins: Trace contexts of sessions, and where they run.
SELECT s.id, s.uuid, s.trace, p.name
FROM session AS s JOIN platform AS p ON p.id = s.platform_id
WHERE s.id {among:sessions} AND s.trace IS NOT NULL;

-- save_component: Write the living part of a component, in the transaction that writes its session.
UPDATE component SET phase = :phase, handle = :handle, progress = :progress, messages = :messages
WHERE id = :id;

-- touch_session: Tell readers that a component of a session is to be written.
UPDATE session SET revision = revision + 1 WHERE id = :session;

-- save_progress: How far a component is; no event.
UPDATE component SET progress = :progress WHERE session_id = :session AND key = :key;

-- add_event: Append to the gapless log of a session.
INSERT INTO event (session_id, number, type, component, body, happened_at)
VALUES (:session, :number, :type, :component, :body, :now);

-- events: The log of a session after a number.
SELECT number, type, component, body, happened_at
FROM event WHERE session_id = :session AND number > :after ORDER BY number;

-- offerset_names: The public names of some answers.
SELECT id, uuid FROM offerset WHERE id {among:ids};

-- expired_offersets: Offer sets whose time is over and whose offers still say OFFERED.
SELECT DISTINCT offerset_id FROM session
WHERE phase = 'OFFERED' AND expires_at <= :now
ORDER BY offerset_id LIMIT :limit;

-- sessions_to_forget: Sessions whose retention is over.
SELECT s.id, s.uuid, s.platform_id
FROM session AS s
WHERE s.ended_at IS NOT NULL AND s.released_at IS NOT NULL AND s.released_at < :before
ORDER BY s.id LIMIT :limit;

-- forget_session: Delete a session with all that belongs to it but its bookings.
DELETE FROM session WHERE id = :id;

-- forget_offersets: Delete some old answers that no session belongs to any more.
DELETE FROM offerset
WHERE id {any_start}
    SELECT id FROM offerset
    WHERE created_at < :before
      AND NOT EXISTS (SELECT 1 FROM session WHERE session.offerset_id = offerset.id)
    LIMIT :limit
{any_end};

-- forget_bookings: Delete some bookings that ended, or ran out, long ago.
DELETE FROM booking
WHERE id {any_start}
    SELECT id FROM booking
    WHERE (ended_at IS NOT NULL AND ended_at < :before)
       OR (expires_at IS NOT NULL AND expires_at < :before)
    LIMIT :limit
{any_end};

-- count_events: How long the log of a session is now, of which nothing else has changed.
UPDATE session SET revision = revision + 1, events = :events, modified_at = :now WHERE id = :id;

-- owned_sessions: Of these sessions, those that still have steps to do.
SELECT s.uuid FROM session AS s
WHERE s.uuid {among:uuids} AND EXISTS (
    SELECT 1 FROM step
    WHERE step.session_id = s.id AND step.phase IN ('DORMANT', 'WAITING', 'READY', 'RUNNING')
);

-- unprepared_documents: What is asked for by what is offered, or accepted and not yet made ready.
SELECT coalesce(o.asked, s.document) AS document
FROM session AS s JOIN offerset AS o ON o.id = s.offerset_id
WHERE s.phase IN ('OFFERED', 'ACCEPTED', 'WAITING', 'PREPARING');

-- unreleased: Releasing steps of ended sessions that have failed and are tried again.
SELECT s.uuid, p.name, s.ended_at, step.key, step.failures
FROM step JOIN session AS s ON s.id = step.session_id JOIN platform AS p ON p.id = s.platform_id
WHERE step.phase IN ('READY', 'RUNNING') AND step.failures > 0 AND step.kind {among:kinds}
  AND s.ended_at IS NOT NULL
ORDER BY s.ended_at, s.id, step.id;

-- abandoned_sessions: Sessions of a platform whose release failed and left something.
SELECT s.id FROM session AS s
WHERE s.platform_id = :platform AND s.ended_at IS NOT NULL AND s.released_at IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM step
    WHERE step.session_id = s.id AND step.phase IN ('DORMANT', 'WAITING', 'READY', 'RUNNING')
)
ORDER BY s.id;
