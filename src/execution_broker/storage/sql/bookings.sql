-- add_booking: Book one amount over one interval.
INSERT INTO booking (
    platform_id, identity_id, offerset_id, session_id, component, amount_name, amount,
    start_second, end_second, shared_second, version, made_at, expires_at
) VALUES (
    :platform, :identity, :offerset, :session, :component, :name, :amount,
    :start, :end, :shared, :version, :now, :expires
);

-- end_component: End what is booked for one component of a session.
UPDATE booking SET ended_at = :now, version = :version
WHERE session_id = :session AND component = :component AND ended_at IS NULL;

-- end_session_bookings: End all that is booked for a session but its kept outputs.
UPDATE booking SET ended_at = :now, version = :version
WHERE session_id = :session AND component <> 'outputs' AND ended_at IS NULL;

-- component_bookings: What is booked for one component of a session now.
SELECT id, platform_id, identity_id, offerset_id, session_id, component, amount_name, amount,
       start_second, end_second
FROM booking
WHERE session_id = :session AND component = :component AND ended_at IS NULL
ORDER BY id;

-- held_bookings: What some offer sets hold.
SELECT id, platform_id, identity_id, offerset_id, session_id, component, amount_name, amount,
       start_second, end_second, shared_second, expires_at
FROM booking
WHERE offerset_id {among:offersets} AND session_id IS NULL AND ended_at IS NULL
ORDER BY id;

-- session_bookings: What is booked for some sessions.
SELECT id, platform_id, identity_id, offerset_id, session_id, component, amount_name, amount,
       start_second, end_second, expires_at
FROM booking
WHERE session_id {among:sessions} AND ended_at IS NULL
ORDER BY id;

-- held_by_identities: The most of each amount that some identities hold in unanswered offers (B8).
SELECT held.identity_id, held.amount_name, CAST(sum(held.amount) AS bigint) AS amount
FROM (
    SELECT identity_id, offerset_id, amount_name, max(amount) AS amount
    FROM booking
    WHERE identity_id {among:identities} AND session_id IS NULL AND ended_at IS NULL
      AND expires_at > :now
    GROUP BY identity_id, offerset_id, amount_name
) AS held
GROUP BY held.identity_id, held.amount_name;

-- calendar_start: Everything that counts on a platform from now on: what is late to be released, too (B6).
SELECT id, identity_id, offerset_id, amount_name, amount, start_second, end_second,
       shared_second, component, expires_at, ended_at
FROM booking
WHERE platform_id = :platform AND ended_at IS NULL
  AND (expires_at IS NULL OR expires_at > :now)
  AND (end_second > :now_second OR session_id IS NOT NULL AND component <> 'outputs');

-- calendar_beside: What counts on a platform before an instant for others than a session, as calendar_start has it.
SELECT id, identity_id, offerset_id, amount_name, amount, start_second, end_second,
       shared_second, component, expires_at, ended_at
FROM booking
WHERE platform_id = :platform AND ended_at IS NULL AND start_second < :before_second
  AND (expires_at IS NULL OR expires_at > :now)
  AND (end_second > :now_second OR session_id IS NOT NULL AND component <> 'outputs')
  AND (session_id IS NULL OR session_id <> :session);

-- calendar_changes: What was made or ended on a platform after a version.
SELECT id, identity_id, offerset_id, amount_name, amount, start_second, end_second,
       shared_second, component, expires_at, ended_at
FROM booking
WHERE platform_id = :platform AND version > :version;

-- glimpse_changes: A platform with what was made or ended on it after a version, and with what is booked there for one answer.
SELECT p.id AS platform_id, p.name, p.version AS platform_version, p.capacity, p.decided_at, b.*
FROM platform AS p
LEFT JOIN (
    SELECT id, identity_id, offerset_id, amount_name, amount, start_second, end_second,
           shared_second, component, expires_at, ended_at
    FROM booking WHERE platform_id = :platform AND version > :version
    UNION
    SELECT id, identity_id, offerset_id, amount_name, amount, start_second, end_second,
           shared_second, component, expires_at, ended_at
    FROM booking
    WHERE offerset_id = :offerset AND platform_id + 0 = :platform -- by the answer, not the platform
      AND ended_at IS NULL
) AS b ON 1 = 1
WHERE p.id = :platform;

-- glimpse_all: A platform with everything that counts on it from now on, as calendar_start has it.
SELECT p.id AS platform_id, p.name, p.version AS platform_version, p.capacity, p.decided_at,
       b.id, b.identity_id, b.offerset_id, b.amount_name, b.amount, b.start_second, b.end_second,
       b.shared_second, b.component, b.expires_at, b.ended_at
FROM platform AS p
LEFT JOIN booking AS b ON b.platform_id = p.id AND b.ended_at IS NULL
    AND (b.expires_at IS NULL OR b.expires_at > :now)
    AND (b.end_second > :now_second OR b.session_id IS NOT NULL AND b.component <> 'outputs')
WHERE p.id = :platform;

-- end_booking: End one booking.
UPDATE booking SET ended_at = :now, version = :version
WHERE coalesce(ended_at, :now) = :now -- found by its key, not among all that is live
  AND id = :booking;
